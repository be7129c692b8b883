# The study of src/counterpoise/examples/rotterdam/study.toml, estimated a second time from survival::rotterdam.
# Needs survival and jsonlite only; in this folder:
# REF_OUT=../values Rscript 14_rotterdam.R
source("./common.R")
CONTROL <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
D <- "survival::rotterdam, nodes > 0"

r <- subset(survival::rotterdam, nodes > 0)
r$meno <- factor(r$meno); r$grade3 <- as.integer(r$grade == 3)
r$lnodes <- log(1 + r$nodes); r$lpgr <- log(1 + r$pgr); r$ler <- log(1 + r$er)
r$node_group <- cut(r$nodes, c(0, 3, 9, Inf))
r$group <- factor(with(r, chemo + 2 * hormon))
r$os <- r$dtime / 30.4375; r$os_event <- r$death
r$rfs <- ifelse(r$recur == 1, r$rtime, r$dtime) / 30.4375; r$rfs_event <- pmax(r$recur, r$death)
ENDPOINTS <- list(os = Surv(r$os, r$os_event), rfs = Surv(r$rfs, r$rfs_event))
TERMS <- c("age", "meno", "size", "grade3", "lnodes", "lpgr", "ler", "chemo")
model <- function(left, terms) reformulate(terms, left)
for (name in names(ENDPOINTS)) r[[paste0("y_", name)]] <- ENDPOINTS[[name]]

fit_cox <- function(endpoint, terms, data = r, ...) do.call("coxph", list(model(paste0("y_", endpoint), terms), data = data, control = CONTROL, ...))
ratios <- function(f) list(n = f$n, events = f$nevent, coef = arr(coef(f)), se = arr(sqrt(diag(f$var))))
at_60 <- function(f) { s <- summary(f, times = 60, extend = TRUE); list(n_risk = arr(s$n.risk), surv = arr(s$surv), std_err = arr(s$std.err), lower = arr(s$lower), upper = arr(s$upper)) }
medians <- function(f) { q <- quantile(f, .5); list(median = arr(q$quantile), lower = arr(q$lower), upper = arr(q$upper)) }
curve <- function(endpoint, by = "1", ...) do.call("survfit", list(model(paste0("y_", endpoint), by), data = r, conf.type = "log-log", ...))
each <- function(f) { out <- lapply(names(ENDPOINTS), f); names(out) <- names(ENDPOINTS); out }

gold("flow", "survival::rotterdam", list(screened = nrow(survival::rotterdam), included = nrow(r), arms = arr(table(r$hormon)), groups = arr(table(r$group)), treated_without_nodes = with(survival::rotterdam, sum(hormon[nodes == 0])), deaths_after_last_check = with(r, sum(recur == 0 & death == 1 & rtime < dtime))))
gold("events", D, each(function(e) { d <- ENDPOINTS[[e]][, 2]; arr(c(sum(d), tapply(d, r$hormon, sum))) }))
gold("follow_up", D, medians(survfit(Surv(os, 1 - os_event) ~ 1, data = r, conf.type = "log-log")))
gold("km_all", D, each(function(e) list(at = at_60(curve(e)), median = medians(curve(e)))))
gold("km_arms", D, each(function(e) list(at = at_60(curve(e, "hormon")), median = medians(curve(e, "hormon")))))
gold("km_groups", D, each(function(e) at_60(curve(e, "group"))))
gold("log_rank", D, each(function(e) { f <- survdiff(model(paste0("y_", e), "hormon"), data = r); list(observed = arr(f$obs), expected = arr(f$exp), chisq = f$chisq) }))
gold("log_rank_groups", D, each(function(e) survdiff(model(paste0("y_", e), "group"), data = r)$chisq))
gold("cox_univariable", D, each(function(e) { out <- lapply(c(TERMS, "hormon"), function(t) ratios(fit_cox(e, t))); names(out) <- c(TERMS, "hormon"); out }))
gold("cox_multivariable", D, each(function(e) { f <- fit_cox(e, c(TERMS, "hormon")); c(ratios(f), list(loglik = arr(f$loglik), vcov = unname(f$var), zph = mat(cox.zph(f)$table))) }))
gold("cox_groups", D, each(function(e) list(univariable = ratios(fit_cox(e, "group")), multivariable = ratios(fit_cox(e, c(setdiff(TERMS, "chemo"), "group"))))))

# the score and the stabilised weights for the average effect in all patients
s <- glm(model("hormon", TERMS), binomial, r, control = glm.control(epsilon = 1e-15, maxit = 100))
p <- fitted(s); treated <- r$hormon == 1; share <- mean(treated)
r$w <- ifelse(treated, share / p, (1 - share) / (1 - p))
ess <- function(w) sum(w)^2 / sum(w^2)
gold("score", D, { u <- rank(p); list(coef = arr(coef(s)), se = arr(sqrt(diag(solve(crossprod(model.matrix(s) * sqrt(p * (1 - p))))))), deviance = deviance(s), c_statistic = (sum(u[treated]) - sum(treated) * (sum(treated) + 1) / 2) / (sum(treated) * sum(!treated))) }, pkgs = "stats", note = "se from the information at the maximum; vcov(glm) takes that of one step before")
gold("weights", D, list(minimum = min(r$w), maximum = max(r$w), mean = mean(r$w), sums = arr(tapply(r$w, r$hormon, sum)), effective = arr(tapply(r$w, r$hormon, ess))), pkgs = "stats")
gold("year_of_surgery", D, { p <- fitted(glm(model("hormon", c(TERMS, "year")), binomial, r, control = glm.control(epsilon = 1e-15, maxit = 100))); w <- ifelse(treated, share / p, (1 - share) / (1 - p)); list(maximum = max(w), effective = arr(tapply(w, r$hormon, ess)), outcome = each(function(e) ratios(fit_cox(e, c(TERMS, "hormon", "year"))))) }, note = "why the plan leaves year out of the score: it decides the treatment and bears on neither outcome")
X <- with(r, cbind(age, meno == 0, meno == 1, size == "<=20", size == "20-50", size == ">50", grade3, lnodes, lpgr, ler, chemo))
SCALE <- sqrt((apply(X[treated, ], 2, var) + apply(X[!treated, ], 2, var)) / 2)
smd <- function(w) apply(X, 2, function(x) weighted.mean(x[treated], w[treated]) - weighted.mean(x[!treated], w[!treated])) / SCALE
gold("balance", D, list(unadjusted = arr(smd(rep(1, nrow(r)))), weighted = arr(smd(r$w))), pkgs = "stats", note = "age, meno 0/1, size in three levels, grade3, lnodes, lpgr, ler, chemo; pooled standard deviation of the unadjusted sample")
gold("cox_weighted", D, each(function(e) { f <- fit_cox(e, "hormon", weights = quote(w), robust = TRUE); list(coef = unname(coef(f)), robust_se = sqrt(f$var[1]), naive_se = sqrt(f$naive.var[1]), robust_score = drop(f$rscore)) }))
gold("km_weighted", D, each(function(e) at_60(curve(e, "hormon", weights = quote(w)))))
gold("subgroups", D, { out <- lapply(c("meno", "size", "grade3", "node_group", "chemo"), function(v) {
  r$v <- factor(r[[v]])
  levels <- lapply(split(r, r$v), function(d) { f <- fit_cox("os", "hormon", d, weights = quote(w), robust = TRUE); arr(c(coef(f), sqrt(f$var[1]))) })
  f <- fit_cox("os", c("hormon", "v", "hormon:v"), r, weights = quote(w), robust = TRUE); k <- grep(":", names(coef(f)))
  list(levels = unname(levels), interaction = drop(coef(f)[k] %*% solve(f$var[k, k], coef(f)[k]))) }); names(out) <- c("meno", "size", "grade3", "node_group", "chemo"); out })

# greedy pairs on the logit, from the highest score down; which of several equal controls is taken moves no distance
l <- s$linear.predictors; caliper <- .2 * sqrt((var(l[treated]) + var(l[!treated])) / 2)
gold("matching", D, { free <- l[!treated]; distance <- c()
  for (x in sort(l[treated], decreasing = TRUE)) { d <- abs(free - x); k <- which.min(d); if (d[k] <= caliper) { distance <- c(distance, d[k]); free <- free[-k] } }
  list(caliper = caliper, pairs = length(distance), largest = max(distance), total = sum(distance), squares = sum(distance^2)) }, pkgs = "stats")
save_gold("rotterdam.json")
