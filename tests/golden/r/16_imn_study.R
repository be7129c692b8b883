# The study of src/counterpoise/examples/imn/study.toml, estimated a second time from the raw table: every number of
# results.json under its id, as {value, lower, upper, std_error, p_value, n, events}. Written from the plan, the methods
# pages and textbooks, not from the Python code. Needs survival and jsonlite only; in this folder, a few minutes long:
# REF_OUT=../values Rscript 16_imn_study.R
source("./common.R")
D <- "src/counterpoise/examples/imn/imn_screened.csv"
CONTROL <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
GLM_CONTROL <- glm.control(epsilon = 1e-14, maxit = 100)
Z <- qnorm(.975)
MONTH <- 30.4375
HORIZON <- 60
CUTOFF <- as.Date("2023-05-31")
ENDPOINTS <- c("os", "dfs", "lrrfs", "dmfs")

raw <- read.csv(file.path("../../..", D), na.strings = "", colClasses = c(her2_ish = "character"))
for (v in grep("_date$", names(raw), value = TRUE)) raw[[v]] <- as.Date(raw[[v]])

ID <- list()
put <- function(id, value, ...) ID[[id]] <<- list(value = unname(value), ...)
numbers_of <- function(f) { ID <<- list(); f(); ID }

# eligibility: each patient is charged to the first rule that she fails ---------------------------------------------
fails <- with(raw, cbind(
  supraclavicular_met == 1, bilateral == 1, cM == "M1" | distant_met_at_dx == 1, excisional_biopsy_before_nac == 1, prior_malignancy == 1,
  curative_surgery != 1, nac_completed != 1, rt_completed != 1, is.na(last_followup_date)))
first <- apply(fails, 1, function(x) if (any(x)) which(x)[1] else 0)
d <- raw[first == 0, ]

# derived columns ---------------------------------------------------------------------------------------------------
years <- function(from, to) { a <- as.POSIXlt(from); b <- as.POSIXlt(to); b$year - a$year - (b$mon < a$mon | b$mon == a$mon & b$mday < a$mday) }
coded <- function(x, levels) factor(x, levels)[, drop = TRUE]
d <- within(d, {
  age <- years(birth_date, dx_date)
  menopausal <- coded(menopausal, c("pre", "post"))
  ct34 <- as.integer(cT %in% c("T3", "T4")); cn3b <- as.integer(cN == "N3b"); grade3 <- as.integer(grade == 3); ki67_high <- as.integer(ki67_pct >= 30)
  cT <- coded(cT, c("T1", "T2", "T3", "T4")); cN <- coded(cN, c("N2b", "N3b", "N3c")); grade <- coded(grade, 1:3)
  mastectomy <- as.integer(surgery_type == "MRM"); imrt <- as.integer(rt_technique == "IMRT")
  surgery_type <- coded(surgery_type, c("BCS", "MRM")); rt_technique <- coded(rt_technique, c("3D-CRT", "IMRT")); mp_grade <- coded(mp_grade, 1:5)
  hr <- er_pct >= 1 | pr_pct >= 1
  her2 <- ifelse(her2_ihc == 2, her2_ish == "positive", her2_ihc == 3)
  hr_status <- coded(ifelse(hr, "positive", "negative"), c("negative", "positive")); her2_status <- coded(ifelse(her2, "positive", "negative"), c("negative", "positive"))
  subtype <- factor(ifelse(hr, ifelse(her2, 2, 1), ifelse(her2, 3, 4)), 1:4)
  pcr <- as.integer(ypT %in% c("ypT0", "ypTis") & ypN == "ypN0")
  a <- imn_boost
  group <- factor(ifelse(imnd == 1, ifelse(a == 1, 4, 2), ifelse(a == 1, 3, 1)), 1:4)
})
stopifnot(nlevels(d$cN) == 2, !is.na(d$her2_status))

# endpoints: an event counts up to death or last contact; what is not the endpoint's event censors ---------------------
end <- pmin(d$death_date, d$last_followup_date, CUTOFF, na.rm = TRUE)
dates <- list(os = d["death_date"], dfs = d[c("local_recurrence_date", "regional_recurrence_date", "distant_met_date", "death_date")],
              lrrfs = d[c("local_recurrence_date", "regional_recurrence_date")], dmfs = d["distant_met_date"])
for (e in ENDPOINTS) {
  happened <- do.call(pmin, c(as.list(unname(dates[[e]])), na.rm = TRUE)); event <- !is.na(happened) & happened <= end
  time <- as.numeric(ifelse(event, happened, end) - as.numeric(d$dx_date)) / MONTH
  d[[paste0(e, "_time")]] <- time; d[[paste0(e, "_event")]] <- as.integer(event)
  stopifnot(time > 0, !anyDuplicated(time[event]))   # no tied events: Efron, Breslow and the exact likelihood agree
}
outcome <- function(e, rhs) reformulate(rhs, sprintf("Surv(%s_time, %s_event)", e, e))
died <- function(e, x = d) x[[paste0(e, "_event")]]
ARMS <- list(all = rep(TRUE, nrow(d)), control = d$a == 0, treated = d$a == 1)
wilson <- function(x, n) { p <- x / n; mid <- p + Z^2 / (2 * n); half <- Z * sqrt(p * (1 - p) / n + Z^2 / (4 * n^2)); (mid + c(-half, half)) / (1 + Z^2 / n) }

flow <- function() {
  put("flow.screened", nrow(raw)); put("flow.excluded", sum(first > 0)); put("flow.included", nrow(d)); put("flow.control", sum(d$a == 0)); put("flow.treated", sum(d$a == 1))
  overlap <- crossprod(fails)
  for (i in 1:9) {
    id <- function(what) sprintf("flow.step%d.%s", i, what)
    put(id("excluded"), sum(first == i)); put(id("remaining"), sum(first == 0 | first > i)); put(id("failing"), sum(fails[, i])); put(id("unknown"), sum(is.na(fails[, i])))
    for (j in 1:9) put(sprintf("flow.overlap.%d.%d", i, j), overlap[i, j])
  }
}
follow_up <- function() {
  q <- quantile(survfit(Surv(os_time, 1 - os_event) ~ 1, data = d, conf.type = "log-log"), .5); t <- d$os_time
  put("follow_up.reverse", q$quantile, lower = unname(q$lower), upper = unname(q$upper))
  put("follow_up.observed", median(t)); put("follow_up.minimum", min(t)); put("follow_up.maximum", max(t)); put("follow_up.person_years", sum(t) / 12)
  for (v in c("rt_dose_gy", "imn_boost_dose_gy")) {
    x <- na.omit(d[[v]]); id <- function(what) sprintf("dose.%s.%s", v, what)
    put(id("n"), length(x)); put(id("median"), median(x), n = length(x)); put(id("minimum"), min(x), n = length(x)); put(id("maximum"), max(x), n = length(x))
  }
}

# Table 1: Welch for numbers; Pearson's chi-squared for levels, Fisher's exact test where an expected count is below 5 --
# Counterpoise simulates where R, with this workspace, still enumerates: the larger tables of the four groups
levels_test <- function(t) {
  x <- suppressWarnings(chisq.test(t, correct = FALSE))
  if (all(x$expected >= 5)) x$p.value else fisher.test(t, workspace = 2e8)$p.value
}
ROWS <- c("age", "menopausal", "cT", "cN", "imn_short_axis_mm", "grade", "hr_status", "her2_status", "subtype", "ki67_pct", "lvi", "surgery_type", "imnd", "pcr", "mp_grade", "rt_technique", "rt_dose_gy")
baseline_of <- function(prefix, g, untested = character()) {
  columns <- c(setNames(lapply(levels(g), function(k) g == k), paste0("g", seq_len(nlevels(g)))), list(all = rep(TRUE, nrow(d))))
  for (k in names(columns)) put(sprintf("%s.%s.n", prefix, k), sum(columns[[k]]))
  for (v in ROWS) {
    x <- d[[v]]; id <- function(...) paste(prefix, v, ..., sep = "."); numeric <- v %in% c("age", "imn_short_axis_mm", "ki67_pct", "rt_dose_gy")
    if (!numeric && !is.factor(x)) x <- factor(x, 0:1)
    put(id("p"), if (v %in% untested) NA else if (numeric) oneway.test(x ~ g)$p.value else levels_test(table(x, g)))
    for (k in names(columns)) {
      y <- x[columns[[k]]]; put(id(k, "missing"), sum(is.na(y))); y <- y[!is.na(y)]; n <- length(y)
      if (numeric) for (f in list(list("mean", mean), list("sd", sd), list("median", median), list("minimum", min), list("maximum", max))) put(id(k, f[[1]]), f[[2]](y), n = n)
      else for (l in seq_len(nlevels(x))) { m <- sum(y == levels(x)[l]); put(id(paste0("l", l - 1), k, "count"), m, n = n); put(id(paste0("l", l - 1), k, "percent"), m / n, n = n) }
    }
  }
}
baseline_arms <- function() baseline_of("baseline.arms", factor(d$a))
baseline_groups <- function() baseline_of("baseline.groups", d$group, "imnd")   # the groups are made of it

# curves --------------------------------------------------------------------------------------------------------------
curve_of <- function(id, e, rows, ...) {
  x <- d[rows, ]; f <- do.call("survfit", list(outcome(e, "1"), data = x, conf.type = "log-log", ...)); n <- nrow(x); k <- sum(died(e, x))
  s <- summary(f, times = HORIZON); q <- quantile(f, .5)
  put(paste0(id, ".n"), n); put(paste0(id, ".events"), k)
  put(paste0(id, ".rate"), s$surv, lower = s$lower, upper = s$upper, std_error = s$std.err, n = n, events = k)
  put(paste0(id, ".at_risk"), s$n.risk)
  put(paste0(id, ".median"), q$quantile, lower = unname(q$lower), upper = unname(q$upper), n = n, events = k)
  list(rate = s$surv, std_error = s$std.err, n = n, events = k)
}
difference <- function(id, one, zero, s = sqrt(one$std_error^2 + zero$std_error^2)) {
  x <- one$rate - zero$rate
  put(id, x, lower = x - Z * s, upper = x + Z * s, std_error = s, p_value = 2 * pnorm(-abs(x / s)), n = one$n + zero$n, events = one$events + zero$events)
}
overall <- function() for (e in ENDPOINTS) {
  for (arm in names(ARMS)) {
    x <- died(e, d[ARMS[[arm]], ]); n <- length(x); id <- paste(e, arm, sep = "."); w <- wilson(sum(x), n)
    put(paste0(id, ".n"), n); put(paste0(id, ".events"), sum(x), n = n); put(paste0(id, ".event_share"), mean(x), lower = w[1], upper = w[2], n = n)
  }
  curve_of(paste0(e, ".overall"), e, ARMS$all)
}
groups <- function() for (e in ENDPOINTS) {
  for (g in 1:4) curve_of(sprintf("%s.groups.g%d", e, g), e, d$group == g)
  t <- survdiff(outcome(e, "group"), d); put(paste0(e, ".groups.log_rank"), t$chisq, p_value = pchisq(t$chisq, 3, lower.tail = FALSE))
  pairs <- combn(4, 2); p <- apply(pairs, 2, function(k) pchisq(survdiff(outcome(e, "group"), d[d$group %in% k, ])$chisq, 1, lower.tail = FALSE)); holm <- p.adjust(p, "holm")
  for (i in 1:6) { put(sprintf("%s.groups.pair%d.p", e, i), p[i]); put(sprintf("%s.groups.pair%d.holm", e, i), holm[i]) }
}

# Cox ---------------------------------------------------------------------------------------------------------------------
fit_cox <- function(e, rhs, data = d, ...) do.call("coxph", list(outcome(e, rhs), data = data, control = CONTROL, ...))
wald <- function(b, v) pchisq(drop(b %*% solve(v, b)), length(b), lower.tail = FALSE)
ratio <- function(id, b, s, f) put(id, exp(b), lower = exp(b - Z * s), upper = exp(b + Z * s), std_error = s, p_value = 2 * pnorm(-abs(b / s)), n = f$n, events = f$nevent)
zph <- function(f) { t <- cox.zph(f)$table; t[nrow(t), "p"] }   # the row GLOBAL, or the only one
model_of <- function(id, e, terms) {
  f <- fit_cox(e, terms); put(paste0(id, ".n"), f$n); put(paste0(id, ".events"), f$nevent)
  for (i in seq_along(f$assign)) {
    k <- f$assign[[i]]; name <- sub("^group$", "groups", terms[i])
    put(sprintf("%s.%s.p", id, name), wald(coef(f)[k], f$var[k, k, drop = FALSE]))
    for (j in seq_along(k)) ratio(sprintf("%s.%s.hr%d", id, name, j), coef(f)[[k[j]]], sqrt(f$var[k[j], k[j]]), f)
  }
  put(paste0(id, ".proportional"), zph(f))
}
COX <- c("age", "ct34", "grade3", "subtype", "lvi", "pcr", "imnd")
cox_models <- function() for (e in ENDPOINTS) {
  for (v in c(COX, "imn_boost")) model_of(sprintf("%s.univariable.%s", e, v), e, v)
  model_of(paste0(e, ".multivariable"), e, c(COX, "imn_boost"))
  model_of(paste0(e, ".groups.univariable"), e, "group")
  model_of(paste0(e, ".groups.multivariable"), e, c(setdiff(COX, "imnd"), "group"))
}

# score, weights, pairs -----------------------------------------------------------------------------------------------------
SCORE <- a ~ age + menopausal + ct34 + cn3b + grade3 + subtype + ki67_high + lvi + imn_short_axis_mm + mastectomy + pcr + imnd + imrt
score <- glm(SCORE, binomial, d, control = GLM_CONTROL)
X <- model.matrix(score); p <- fitted(score); logit <- score$linear.predictors; treated <- d$a == 1
H <- crossprod(X * sqrt(p * (1 - p)))
d$w <- ifelse(treated, 1 / p, 1 / (1 - p))
ess <- function(w) sum(w)^2 / sum(w^2)

# greedy 1:1 from the highest logit down, without replacement; no two distances tie, so no rule for ties is needed
CALIPER <- .2 * sd(logit)
partner <- rep(NA_integer_, nrow(d))
stopifnot(!anyDuplicated(round(logit, 12)))
for (i in which(treated)[order(-logit[treated])]) {
  free <- setdiff(which(!treated), partner); j <- free[order(abs(logit[free] - logit[i]))[1:2]]; far <- abs(logit[j] - logit[i])
  stopifnot(is.na(far[2]) || far[2] - far[1] > 1e-9)
  if (far[1] <= CALIPER) partner[i] <- j[1]
}
d$pair <- NA_integer_; d$pair[!is.na(partner)] <- seq_len(sum(!is.na(partner))); d$pair[na.omit(partner)] <- d$pair[!is.na(partner)]
MATCHED <- !is.na(d$pair)
covariates <- with(d, cbind(age, menopausal == "pre", menopausal == "post", ct34, cn3b, grade3, subtype == 1, subtype == 2, subtype == 3, subtype == 4,
                            ki67_high, lvi, imn_short_axis_mm, mastectomy, pcr, imnd, imrt))
SCALE <- sqrt((apply(covariates[treated, ], 2, var) + apply(covariates[!treated, ], 2, var)) / 2)
BALANCE <- list()
balance_of <- function(name, w) {
  one <- apply(covariates, 2, function(x) weighted.mean(x[treated], w[treated])); zero <- apply(covariates, 2, function(x) weighted.mean(x[!treated], w[!treated]))
  smd <- (one - zero) / SCALE; m <- c(ess(w[treated]), ess(w[!treated])); se <- sqrt(sum(1 / m) + smd^2 / (2 * sum(m)))
  for (i in seq_along(smd)) {
    id <- sprintf("balance.%s.c%d", name, i)
    put(paste0(id, ".control"), zero[i]); put(paste0(id, ".treated"), one[i]); put(paste0(id, ".smd"), smd[i], std_error = unname(se[i]))
  }
  put(sprintf("balance.%s.largest", name), max(abs(smd))); put(sprintf("balance.%s.over", name), sum(abs(smd) > .1))
  BALANCE[[name]] <<- list(largest = max(abs(smd)), std_error = unname(se[which.max(abs(smd))]), over = sum(abs(smd) > .1))
}
balance <- function() {
  u <- rank(p); n1 <- sum(treated); put("score.c_statistic", (sum(u[treated]) - n1 * (n1 + 1) / 2) / (n1 * sum(!treated)))
  common <- c(max(min(p[treated]), min(p[!treated])), min(max(p[treated]), max(p[!treated]))); prefer <- plogis(logit - qlogis(mean(treated)))
  for (k in c("control", "treated")) { mine <- treated == (k == "treated"); put(sprintf("score.%s.outside", k), sum(p[mine] < common[1] | p[mine] > common[2])); put(sprintf("score.%s.equipoise", k), mean(prefer[mine] >= .3 & prefer[mine] <= .7)) }
  put("score.coefficients", ncol(X) - 1); put("score.n", nrow(X)); put("score.control", sum(d$a == 0)); put("score.treated", sum(d$a == 1)); put("score.left_out", nrow(d) - nrow(X))
  se <- sqrt(diag(solve(H))); for (k in seq_len(ncol(X))) put(sprintf("score.term%d", k - 1), coef(score)[k], std_error = unname(se[k]))
  put("weights.control.effective", ess(d$w[!treated])); put("weights.treated.effective", ess(d$w[treated]))
  put("weights.minimum", min(d$w)); put("weights.maximum", max(d$w)); put("weights.mean", mean(d$w)); put("weights.sum", sum(d$w)); put("weights.coefficient_of_variation", sd(d$w) / mean(d$w))
  put("matching.pairs", sum(MATCHED) / 2); put("matching.sets", sum(MATCHED) / 2); put("matching.patients", sum(MATCHED)); put("matching.treated", sum(treated & MATCHED)); put("matching.control", sum(!treated & MATCHED))
  put("matching.unmatched_treated", sum(treated & !MATCHED)); put("matching.unmatched_control", sum(!treated & !MATCHED)); put("matching.caliper", CALIPER); put("matching.caliper_sd", sd(logit))
  one <- rep(1, sum(MATCHED) / 2); put("matching.effective_treated", ess(one)); put("matching.effective_control", ess(one)); put("matching.weights.minimum", min(one)); put("matching.weights.maximum", max(one))
  apart <- abs(logit[which(!is.na(partner))] - logit[na.omit(partner)])
  put("matching.distance.median", median(apart)); put("matching.distance.mean", mean(apart)); put("matching.distance.maximum", max(apart)); put("matching.distance.links", length(apart))
  for (arm in c("control", "treated")) {       # those who were left out beside those who were matched
    own <- if (arm == "treated") treated else !treated; kept <- colMeans(covariates[own & MATCHED, ]); lost <- colMeans(covariates[own & !MATCHED, ])
    for (i in seq_along(kept)) { id <- function(what) sprintf("unmatched.c%d.%s.%s", i, arm, what); put(id("matched"), kept[[i]]); put(id("unmatched"), lost[[i]]); put(id("smd"), ((lost - kept) / SCALE)[[i]]) }
    put(sprintf("unmatched.%s.largest", arm), max(abs((lost - kept) / SCALE)))
  }
  balance_of("unadjusted", rep(1, nrow(d))); balance_of("matched", as.numeric(MATCHED)); balance_of("weighted", d$w)
}

# comparisons -----------------------------------------------------------------------------------------------------------------
robust_score <- function(f) pchisq(drop(f$rscore), 1, lower.tail = FALSE)
unadjusted <- function() for (e in ENDPOINTS) {
  id <- function(what) paste0(e, ".unadjusted.", what); f <- fit_cox(e, "a")
  zero <- curve_of(id("control"), e, !treated); one <- curve_of(id("treated"), e, treated); difference(id("difference"), one, zero)
  ratio(id("hazard_ratio"), coef(f)[[1]], sqrt(f$var[1]), f)
  put(id("curve_p"), pchisq(survdiff(outcome(e, "a"), d)$chisq, 1, lower.tail = FALSE)); put(id("proportional"), zph(f))
}
# a weighted fit has no score test of proportional hazards (it doubles with the weights): the robust Wald test of the treatment
# times g(t) takes its place, g(t) = 1 less the Kaplan-Meier estimate just before t, as cox.zph has it
robust_zph <- function(e, data, ...) {
  y <- paste0(e, "_time"); cuts <- sort(unique(data[[y]][died(e, data) == 1])); data$id <- seq_len(nrow(data))
  s <- survSplit(outcome(e, "."), data[c(y, paste0(e, "_event"), "a", "w", "pair", "id")], cut = cuts)
  km <- survfit(outcome(e, "1"), data); g <- stepfun(km$time, c(0, 1 - km$surv), right = TRUE)
  s$ag <- s$a * g(s[[y]])
  f <- do.call("coxph", list(as.formula(sprintf("Surv(tstart, %s_time, %s_event) ~ a + ag", e, e)), data = s, control = CONTROL, ...))
  wald(coef(f)[2], f$var[2, 2, drop = FALSE])
}
matched_zph <- function(e) zph(fit_cox(e, "a", d[MATCHED, ]))
# influence of each matched patient on the difference of survival, summed within pairs
paired_se <- function(e) {
  at <- function(rows, sign) {
    x <- d[rows, ]; f <- do.call("survfit", list(outcome(e, "1"), data = x, influence = TRUE))
    data.frame(pair = x$pair, value = sign * f$influence.surv[, max(which(f$time <= HORIZON))])
  }
  both <- rbind(at(MATCHED & treated, 1), at(MATCHED & !treated, -1))
  sqrt(sum(tapply(both$value, both$pair, sum)^2))
}
matched <- function() for (e in ENDPOINTS) {
  id <- function(what) paste0(e, ".matched.", what); f <- fit_cox(e, "a", d[MATCHED, ], cluster = quote(pair))
  zero <- curve_of(id("control"), e, MATCHED & !treated); one <- curve_of(id("treated"), e, MATCHED & treated); difference(id("difference"), one, zero, paired_se(e))
  ratio(id("hazard_ratio"), coef(f)[[1]], sqrt(f$var[1]), f); ratio(id("hazard_ratio.model_based"), coef(f)[[1]], sqrt(f$naive.var[1]), f)
  within <- fit_cox(e, "a + strata(pair)", d[MATCHED, ]); ratio(id("hazard_ratio.stratified"), coef(within)[[1]], sqrt(within$var[1]), within)
  put(id("curve_p"), robust_score(f)); put(id("proportional"), matched_zph(e))
}
# no two distances tie (see above), so that every run of the tie-breaking gives the same pairs
stability <- function() {
  range_of <- function(id, x) for (k in c("minimum", "median", "maximum")) put(paste(id, k, sep = "."), x)
  put("stability.distinct", 1); range_of("stability.sets", sum(MATCHED) / 2)
  for (e in ENDPOINTS) {
    f <- fit_cox(e, "a", d[MATCHED, ], cluster = quote(pair)); range_of(sprintf("stability.%s.hazard_ratio", e), exp(coef(f)[[1]]))
    range_of(sprintf("stability.%s.p", e), 2 * pnorm(-abs(coef(f)[[1]] / sqrt(f$var[1]))))
  }
}

# stacked estimating equations of score and Cox model; residuals(type = "dfbeta") of a weighted fit is w U / I
stacked_influence <- function(f) {
  own <- residuals(f, type = "dfbeta"); slope <- ifelse(treated, -(1 - p) / p, p / (1 - p))
  through <- colSums(own / d$w * slope * X)
  own + drop(X %*% solve(H, through)) * (d$a - p)
}
# the chain without each patient in turn: log hazard ratio, difference of survival at the horizon
left_out <- function(e) vapply(seq_len(nrow(d)), function(i) {
  s <- glm.fit(X[-i, ], d$a[-i], start = coef(score), family = binomial(), control = GLM_CONTROL)
  x <- d[-i, ]; x$w <- ifelse(treated[-i], 1 / s$fitted.values, 1 / (1 - s$fitted.values))
  at <- function(arm) summary(do.call("survfit", list(outcome(e, "1"), data = x[x$a == arm, ], weights = quote(w))), times = HORIZON, extend = TRUE)$surv
  c(coef(fit_cox(e, "a", x, weights = quote(w)))[[1]], at(1) - at(0))
}, c(0, 0))
refitted <- function(v, e, start = coef(score)) {    # the whole chain under case weights v
  s <- suppressWarnings(glm.fit(X, d$a, v, start = start, family = binomial(), control = GLM_CONTROL))
  x <- d; x$w <- v * ifelse(treated, 1 / s$fitted.values, 1 / (1 - s$fitted.values))
  vapply(e, function(k) coef(fit_cox(k, "a", x, weights = quote(w)))[[1]], 0)
}
jackknife_se <- function(e, step = 1e-3) {           # the same by brute force: the derivative of the chain by each patient's weight
  slope <- vapply(seq_len(nrow(d)), function(i) { v <- rep(1, nrow(d)); up <- down <- v; up[i] <- 1 + step; down[i] <- 1 - step; (refitted(up, e) - refitted(down, e)) / (2 * step) }, 0)
  sqrt(sum(slope^2))
}
LEADING <- numeric()                                 # P values of the corrected variance, for the findings
weighted <- function() for (e in ENDPOINTS) {
  id <- function(what) paste0(e, ".weighted.", what); f <- fit_cox(e, "a", weights = quote(w), robust = TRUE)
  zero <- curve_of(id("control"), e, !treated, weights = quote(w), robust = TRUE); one <- curve_of(id("treated"), e, treated, weights = quote(w), robust = TRUE)
  own <- stacked_influence(f); se <- sqrt(sum(own^2)); stopifnot(abs(jackknife_se(e) / se - 1) < 1e-6)
  lo <- left_out(e); n <- nrow(d); corrected <- sqrt(sum(own * (mean(lo[1, ]) - lo[1, ])))
  difference(id("difference"), one, zero, sqrt((n - 1) / n * sum((lo[2, ] - mean(lo[2, ]))^2)))
  LEADING[e] <<- 2 * pnorm(-abs(coef(f)[[1]] / corrected))
  ratio(id("hazard_ratio"), coef(f)[[1]], corrected, f); ratio(id("hazard_ratio.robust"), coef(f)[[1]], sqrt(f$var[1]), f); ratio(id("hazard_ratio.naive"), coef(f)[[1]], sqrt(f$naive.var[1]), f); ratio(id("hazard_ratio.stacked"), coef(f)[[1]], se, f)
  put(id("curve_p"), robust_score(f)); put(id("proportional"), robust_zph(e, d, weights = quote(w), cluster = quote(id)))
}
# random weights of its own: to be held to loosely
bootstrap <- function() {
  set.seed(20250531); b <- 2000
  r <- t(replicate(b, { v <- rexp(nrow(d)); refitted(v / mean(v), ENDPOINTS) }))
  for (e in ENDPOINTS) {
    x <- coef(fit_cox(e, "a", weights = quote(w)))[[1]]; s <- sd(r[, e]); q <- exp(unname(quantile(r[, e], c(.025, .975))))
    put(paste0(e, ".weighted.hazard_ratio.bootstrap"), exp(x), lower = exp(x - Z * s), upper = exp(x + Z * s), std_error = s, p_value = 2 * pnorm(-abs(x / s)))
    put(paste0(e, ".weighted.hazard_ratio.percentile"), exp(x), lower = q[1], upper = q[2])
  }
}

SUBGROUPS <- c("ct34", "pcr", "imnd", "subtype")
FEW <- logical(); INTERACTION <- numeric(); WITHIN <- list()
largest_within <- function(rows, w) max(abs(apply(covariates[rows, ], 2, function(x) weighted.mean(x[treated[rows]], w[treated[rows]]) - weighted.mean(x[!treated[rows]], w[!treated[rows]])) / SCALE))
within_subgroup <- function(id, rows) {   # a score of its own, from the columns that vary there
  x <- X[rows, ][, c(TRUE, apply(X[rows, -1], 2, function(v) length(unique(v)) > 1))]
  s <- suppressWarnings(glm.fit(x, d$a[rows], family = binomial(), control = GLM_CONTROL)); e <- fitted(s); separated <- any(pmin(e, 1 - e) < 1e-9)
  w <- ifelse(treated[rows], 1 / e, 1 / (1 - e)); part <- cbind(d[rows, ], own = w)
  put(paste0(id, ".largest.crude"), largest_within(rows, rep(1, sum(rows)))); put(paste0(id, ".largest.whole"), largest_within(rows, d$w[rows]))
  put(paste0(id, ".largest.refitted"), if (separated) NA else largest_within(rows, w))
  WITHIN[[id]] <<- c(whole = largest_within(rows, d$w[rows]), fitted = !separated)
  if (!separated) { g <- fit_cox("os", "a", part, weights = quote(own), robust = TRUE); ratio(paste0(id, ".refitted.hazard_ratio"), coef(g)[[1]], sqrt(g$var[1]), g) }
}
subgroups <- function() for (v in SUBGROUPS) {
  d$v <- factor(d[[v]]); f <- fit_cox("os", "a * v", d, weights = quote(w), robust = TRUE); k <- grep(":", names(coef(f)))
  INTERACTION[v] <<- wald(coef(f)[k], f$var[k, k, drop = FALSE]); put(sprintf("subgroups.%s.interaction", v), INTERACTION[[v]])
  for (l in seq_len(nlevels(d$v))) {
    x <- d[d$v == levels(d$v)[l], ]; id <- sprintf("subgroups.%s.l%d", v, l - 1); g <- fit_cox("os", "a", x, weights = quote(w), robust = TRUE)
    for (arm in 0:1) { name <- c("control", "treated")[arm + 1]; put(sprintf("%s.%s.n", id, name), sum(x$a == arm)); put(sprintf("%s.%s.events", id, name), sum(x$os_event[x$a == arm])) }
    ratio(paste0(id, ".hazard_ratio"), coef(g)[[1]], sqrt(g$var[1]), g)
    within_subgroup(id, d$v == levels(d$v)[l])
    FEW[paste0(v, l)] <<- sum(x$os_event) < 10 || min(tapply(x$os_event, x$a, sum)) < 3
  }
}
# further adjustments: weights to other populations, and doubly robust ---------------------------------------------------
SCORE_MOVED <- (X * (d$a - p)) %*% solve(H)                          # what each patient moves the score's coefficients by
SCHEMES <- list(main = list(w = d$w, slope = ifelse(treated, -(1 - p) / p, p / (1 - p))), att = list(w = ifelse(treated, 1, p / (1 - p)), slope = ifelse(treated, 0, p / (1 - p))),
                ato = list(w = ifelse(treated, 1 - p, p), slope = ifelse(treated, -1, 1) * p * (1 - p)))
stack <- function(u, scheme) scheme$w * u + SCORE_MOVED %*% crossprod(X, scheme$slope * u)   # u: derivatives by each weight
contrast <- function(id, x, s, k) put(id, x, lower = x - Z * s, upper = x + Z * s, std_error = s, p_value = 2 * pnorm(-abs(x / s)), n = nrow(d), events = k)
ADJUSTED <- list()
made_of <- function(id, w) {
  put(paste0(id, ".n"), nrow(d)); put(paste0(id, ".left_out"), 0)
  for (k in c("control", "treated")) { put(sprintf("%s.%s.trimmed", id, k), 0); put(sprintf("%s.%s.effective", id, k), ess(w[treated == (k == "treated")])) }
  put(paste0(id, ".largest"), largest_within(rep(TRUE, nrow(d)), w)); put(paste0(id, ".heaviest"), max(w) / mean(w))
}
arm_of <- function(e, arm, scheme) {                                  # survival at the horizon and mean up to it, with derivatives by the weights
  rows <- treated == arm; x <- d[rows, ]; x$v <- scheme$w[rows]
  f <- do.call("survfit", list(outcome(e, "1"), data = x, weights = quote(v), influence = TRUE)); k <- f$time < HORIZON
  width <- diff(c(0, f$time[k], HORIZON)); u <- matrix(0, nrow(d), 2); i <- f$influence.surv
  i <- i / x$v   # survfit gives them times the weights
  u[rows, 1] <- i[, max(which(f$time <= HORIZON))]; u[rows, 2] <- i[, k] %*% width[-1]
  list(value = c(summary(f, times = HORIZON)$surv, sum(width * c(1, f$surv[k]))), u = u)
}
weighted_alternative <- function(name, scheme) {
  id <- paste0("alternatives.", name); made_of(id, scheme$w); d$w <- scheme$w
  for (e in ENDPOINTS) {
    at <- function(what) paste(id, e, what, sep = "."); k <- sum(died(e))
    f <- fit_cox(e, "a", d, weights = quote(w), robust = TRUE); own <- residuals(f, type = "dfbeta")
    ratio(at("hazard_ratio"), coef(f)[[1]], sqrt(sum(stack(own / scheme$w, scheme)^2)), f); ratio(at("hazard_ratio.fixed"), coef(f)[[1]], sqrt(f$var[1]), f)
    zero <- arm_of(e, FALSE, scheme); one <- arm_of(e, TRUE, scheme); i <- stack(one$u - zero$u, scheme)
    put(at("control.rate"), zero$value[1], n = nrow(d), events = k); put(at("treated.rate"), one$value[1], n = nrow(d), events = k)
    for (j in 1:2) contrast(at(c("difference", "mean_difference")[j]), one$value[j] - zero$value[j], sqrt(sum(i[, j]^2)), k)
    if (e == "os") ADJUSTED[[name]] <<- c(hr = exp(coef(f)[[1]]), p = 2 * pnorm(-abs(coef(f)[[1]] / sqrt(sum(stack(own / scheme$w, scheme)^2)))), difference = one$value[1] - zero$value[1], largest = largest_within(rep(TRUE, nrow(d)), scheme$w))
  }
}
# augmented inverse probability weighting: one Cox model of the event for both arms, Fleming-Harrington's estimate of censoring in each
robust_terms <- function(e, arm, at) {
  time <- d[[paste0(e, "_time")]]; event <- died(e); r <- match(time, sort(unique(time))); new <- d; new$a <- arm
  f <- fit_cox(e, c("a", COX)); b <- survfit(f, newdata = new, se.fit = FALSE); b$S <- exp(-b$cumhaz)
  survival <- function(t) rbind(1, b$S)[findInterval(t, b$time) + 1, , drop = FALSE]
  mine <- d$a == arm; g <- survfit(Surv(2 * r + (1 - event), 1 - event) ~ 1, data.frame(r, event), subset = mine, ctype = 2); g_time <- g$time[g$n.event > 0]; g_surv <- exp(-g$cumhaz[g$n.event > 0])
  left <- sort(unique(time))[(g_time - 1) / 2]; own <- 2 * r + (1 - event); at_risk <- outer(g_time, own, "<="); gone <- outer(g_time, own, "==") * rep(1 - event, each = length(g_time))
  increments <- (gone - at_risk * (1 - g_surv / c(1, g_surv)[seq_along(g_surv)])) / (survival(left) * g_surv)
  Q <- rbind(0, apply(increments, 2, cumsum)); seen <- findInterval(2 * findInterval(at, sort(unique(time))) + 1, g_time) + 1
  S <- survival(at); alive <- outer(at, time, "<")
  list(S = t(S), rest = ifelse(mine, 1, 0) * t(alive / c(1, g_surv)[seen] + S * Q[seen, , drop = FALSE] - S))
}
robust_alternative <- function(name) {
  id <- paste0("alternatives.", name); scheme <- SCHEMES$main; made_of(id, scheme$w)
  for (e in ENDPOINTS) {
    at <- function(what) paste(id, e, what, sep = "."); k <- sum(died(e)); time <- d[[paste0(e, "_time")]]
    grid <- sort(unique(time[died(e) == 1 & time < HORIZON])); width <- diff(c(grid, HORIZON))
    arm <- function(a) {
      m <- robust_terms(e, a, c(HORIZON, grid)); f <- m$S + scheme$w * m$rest; est <- colMeans(f)
      i <- (sweep(f, 2, est) + SCORE_MOVED %*% crossprod(X, scheme$slope * m$rest)) / nrow(d)
      list(s = est[1], i = i[, 1], area = grid[1] + sum(est[-1] * width), area_i = drop(i[, -1] %*% width))
    }
    zero <- arm(0); one <- arm(1); put(at("control.rate"), zero$s, n = nrow(d), events = k); put(at("treated.rate"), one$s, n = nrow(d), events = k)
    contrast(at("difference"), one$s - zero$s, sqrt(sum((one$i - zero$i)^2)), k); contrast(at("mean_difference"), one$area - zero$area, sqrt(sum((one$area_i - zero$area_i)^2)), k)
    if (e == "os") ADJUSTED[[name]] <<- c(hr = NA, p = NA, difference = one$s - zero$s, largest = largest_within(rep(TRUE, nrow(d)), scheme$w))
  }
}
alternatives <- function() { for (name in names(SCHEMES)) weighted_alternative(name, SCHEMES[[name]]); robust_alternative("aipw") }

# all groups weighted to the overlap of the four -----------------------------------------------------------------------------
# multinomial logistic regression by Newton's method, less 2 times the sum over groups of squares of slopes around their mean,
# on columns of unit standard deviation; with h = 1 / sum(1 / e) the overlap weight of a patient in group a is h / e_a, and
# its derivative by the log odds of group b is that times h / e_b less whether a is b
GROUP_TERMS <- model.matrix(~ age + menopausal + ct34 + cn3b + grade3 + subtype + ki67_high + lvi + imn_short_axis_mm + mastectomy + imrt, d)
RIDGE <- 2; member <- outer(as.integer(d$group), 1:4, "==") + 0
overlap_score <- function(X, Y, L) {
  k <- ncol(Y); m <- ncol(X); b <- numeric((k - 1) * m); K <- 2 * L * kronecker(diag(k - 1) - 1 / k, diag(c(0, apply(X[, -1], 2, var))))
  each <- function(V) do.call(cbind, lapply(1:(k - 1), function(u) X * V[, u + 1]))      # a block of columns for each group but the first
  for (i in 1:100) {
    odds <- exp(cbind(0, X %*% matrix(b, m))); e <- odds / rowSums(odds); H <- K + crossprod(each(sqrt(e))) * kronecker(diag(k - 1), matrix(1, m, m)) - crossprod(each(e))
    move <- solve(H, colSums(each(Y - e)) - drop(K %*% b)); b <- b + move
    if (max(abs(move) / (1 + abs(b))) < 1e-15) break
  }
  list(e = e, coefficients = length(b), moved = each(Y - e) %*% solve(H), each = each)
}
GROUP_FINDINGS <- list()
weighted_groups <- function() {
  id <- function(...) paste("groups_weighted", ..., sep = "."); s <- overlap_score(GROUP_TERMS, member, RIDGE); h <- 1 / rowSums(1 / s$e); d$v <- h * rowSums(member / s$e)
  slope <- s$each(d$v * (h / s$e - member)); stacked <- function(u) d$v * u + s$moved %*% crossprod(slope, u)
  put(id("n"), nrow(d)); put(id("left_out"), 0); put(id("coefficients"), s$coefficients)
  size <- tapply(d$v, d$group, length); effective <- tapply(d$v, d$group, ess); heaviest <- tapply(d$v, d$group, function(w) max(w) / mean(w))
  for (g in 1:4) { put(id(sprintf("g%d.n", g)), size[[g]]); put(id(sprintf("g%d.effective", g)), effective[[g]]); put(id(sprintf("g%d.heaviest", g)), heaviest[[g]]) }
  judged <- covariates[, -(15:16)]; scale <- sqrt(rowMeans(sapply(1:4, function(g) apply(judged[d$group == g, ], 2, var))))
  widest <- function(w) { centre <- sapply(1:4, function(g) apply(judged[d$group == g, ], 2, weighted.mean, w[d$group == g])); apply(centre, 1, function(x) diff(range(x))) / scale }
  before <- widest(rep(1, nrow(d))); after <- widest(d$v)
  for (i in seq_along(after)) { put(id(sprintf("balance.c%d.before", i)), before[[i]]); put(id(sprintf("balance.c%d.after", i)), after[[i]]) }
  put(id("balance.largest_before"), max(before)); put(id("balance.largest_after"), max(after)); pairs <- combn(4, 2); interaction <- list()
  for (e in ENDPOINTS) {
    at <- function(what) id(e, what); count <- function(g) c(n = sum(d$group %in% g), nevent = sum(died(e)[d$group %in% g])); x <- d; x$group <- d$group
    S <- numeric(4); U <- matrix(0, nrow(d), 4)
    for (g in 1:4) {
      rows <- d$group == g; f <- do.call("survfit", list(outcome(e, "1"), data = d[rows, ], weights = quote(v), influence = TRUE)); j <- max(which(f$time <= HORIZON)); S[g] <- f$surv[j]; U[rows, g] <- f$influence.surv[, j] / d$v[rows]   # survfit gives them times the weights
      stopifnot(abs(sqrt(sum((d$v * U[, g])^2)) / summary(survfit(outcome(e, "1"), d[rows, ], weights = v, robust = TRUE), times = HORIZON)$std.err - 1) < 1e-8)
    }
    V <- crossprod(stacked(U)); own <- sqrt(diag(V)); reach <- Z * own / (S * abs(log(S)))
    for (g in 1:4) {
      k <- count(g); put(at(sprintf("g%d.events", g)), k[["nevent"]], n = k[["n"]])
      put(at(sprintf("g%d.rate", g)), S[g], lower = S[g]^exp(reach[g]), upper = S[g]^exp(-reach[g]), std_error = own[g], n = k[["n"]], events = k[["nevent"]])
    }
    null <- do.call("coxph", list(outcome(e, "group"), data = d, weights = quote(v), init = rep(0, 3), control = coxph.control(iter.max = 0))); u <- residuals(null, type = "score")
    score_test <- function(i) { x <- drop(colSums(d$v * u) %*% solve(crossprod(i), colSums(d$v * u))); list(x, pchisq(x, 3, lower.tail = FALSE)) }
    for (i in list(list("", stacked(u)), list(".fixed", d$v * u))) { t <- score_test(i[[2]]); put(paste0(at("score_test"), i[[1]]), t[[1]], p_value = t[[2]]) }
    f <- fit_cox(e, "group", d, weights = quote(v), robust = TRUE); stopifnot(abs(f$rscore / score_test(d$v * u)[[1]] - 1) < 1e-8)
    b <- c(0, coef(f)); B <- cbind(0, residuals(f, type = "dfbeta") / d$v); fixed <- crossprod(d$v * B); full <- crossprod(stacked(B)); stopifnot(max(abs(fixed[-1, -1] / f$var - 1)) < 1e-8)
    effect <- function(what, c, k) for (i in list(list("", full), list(".fixed", fixed))) ratio(paste0(at(what), i[[1]]), sum(c * b), sqrt(drop(c %*% i[[2]] %*% c)), as.list(k))
    p <- numeric(6)
    for (i in 1:6) {
      c <- (1:4 == pairs[2, i]) - (1:4 == pairs[1, i]); k <- count(pairs[, i]); name <- function(what) sprintf("pair%d.%s", i, what); p[i] <- 2 * pnorm(-abs(sum(c * b) / sqrt(drop(c %*% full %*% c))))
      effect(name("hazard_ratio"), c, k); x <- sum(c * S); se <- sqrt(drop(c %*% V %*% c))
      put(at(name("difference")), x, lower = x - Z * se, upper = x + Z * se, std_error = se, p_value = 2 * pnorm(-abs(x / se)), n = k[["n"]], events = k[["nevent"]])
    }
    for (i in 1:6) put(at(sprintf("pair%d.holm", i)), p.adjust(p, "holm")[i])
    # the groups are neither, dissection alone, boost alone, both
    CONTRASTS <- list(first_without = c(-1, 1, 0, 0), first_with = c(0, 0, -1, 1), second_without = c(-1, 0, 1, 0), second_with = c(0, -1, 0, 1), interaction = c(1, -1, -1, 1))
    for (n in names(CONTRASTS)) effect(paste0("factorial.", n), CONTRASTS[[n]], count(1:4))
    interaction[[e]] <- ID[[at("factorial.interaction")]]
  }
  e <- names(which.min(sapply(interaction, function(x) x$p_value))); events <- tapply(died(e), d$group, sum); least <- which.min(effective / size)
  GROUP_FINDINGS <<- list(group_weights = list(before = max(before), after = max(after), effective = effective[[least]], patients = size[[least]], heaviest = max(heaviest)),
                          group_interaction = c(setNames(interaction[[e]][c("value", "lower", "upper", "p_value")], c("ratio", "lower", "upper", "p_value")),
                                                list(tested = length(ENDPOINTS), events = min(events), patients = size[[which.min(events)]])))
}

fisher_2x2 <- function(x) if (length(unique(x)) < 2) NA else fisher.test(table(x, d$a))$p.value
ORGANS <- c("acute_skin", "acute_esophagus", "acute_lung", "acute_heart", "late_skin", "late_subcutaneous", "late_lung", "late_heart", "late_esophagus")
toxicity <- function() {
  for (i in seq_along(ORGANS)) {
    for (arm in c("control", "treated")) {
      x <- d[[ORGANS[i]]][ARMS[[arm]]]; n <- sum(!is.na(x)); put(sprintf("toxicity.r%d.%s.assessed", i, arm), n)
      counts <- c(setNames(vapply(0:5, function(g) sum(x == g), 0), paste0("grade", 0:5)), grade3_or_more = sum(x >= 3))
      for (k in names(counts)) { id <- sprintf("toxicity.r%d.%s.%s", i, arm, k); put(id, counts[[k]], n = n); put(paste0(id, ".percent"), counts[[k]] / n, n = n) }
    }
    put(sprintf("toxicity.r%d.p_any", i), fisher_2x2(d[[ORGANS[i]]] >= 1)); put(sprintf("toxicity.r%d.p_grade2", i), fisher_2x2(d[[ORGANS[i]]] >= 2))
  }
  put("toxicity.highest", max(d[ORGANS]))
  for (arm in c("control", "treated")) { x <- d$pneumonitis[ARMS[[arm]]]; put(sprintf("toxicity.e1.%s.count", arm), sum(x), n = length(x)); put(sprintf("toxicity.e1.%s.percent", arm), mean(x), n = length(x)) }
  put("toxicity.e1.p", fisher_2x2(d$pneumonitis))
}

# what the findings state, worked out anew from the data; thresholds are not among them --------------------------------------
findings <- function() {
  id <- function(...) paste("findings", ..., sep = ".")
  wald_p <- function(f, v) 2 * pnorm(-abs(coef(f)[[1]] / sqrt(v[1])))
  for (e in ENDPOINTS) {
    f <- fit_cox(e, "a", weights = quote(w), robust = TRUE)
    put(id("weighted_against_naive", paste0(e, "_naive")), wald_p(f, f$naive.var)); put(id("weighted_against_naive", paste0(e, "_leading")), LEADING[[e]])
    m <- fit_cox(e, c(COX, "a")); k <- length(coef(m)); put(id("events_per_variable", paste0(e, "_events")), m$nevent)
    put(id("events_per_variable", paste0(e, "_terms")), k); put(id("events_per_variable", paste0(e, "_ratio")), m$nevent / k)
    tests <- c(multivariable = zph(m), unadjusted = zph(fit_cox(e, "a")), matched = matched_zph(e), weighted = robust_zph(e, d, weights = quote(w), cluster = quote(id)))
    for (n in names(tests)[tests < .05]) put(id("proportional_hazards", paste0(e, "_", n)), tests[[n]])
  }
  for (k in c("largest", "std_error", "over")) put(id("balance_after_matching", k), BALANCE$matched[[k]])
  for (k in c("largest", "std_error")) put(id("balance_after_weighting", k), BALANCE$weighted[[k]])
  put(id("response_measured_differently.unexamined"), sum(d$imnd == 0)); put(id("response_measured_differently.known"), sum(!is.na(d$pcr)))
  put(id("response_measured_differently.share_unexamined"), mean(d$pcr[d$imnd == 0])); put(id("response_measured_differently.share_examined"), mean(d$pcr[d$imnd == 1]))
  f <- fit_cox("os", "a"); put(id("tests_on_either_side.os_unadjusted_wald"), wald_p(f, f$var)); put(id("tests_on_either_side.os_unadjusted_curve"), pchisq(survdiff(outcome("os", "a"), d)$chisq, 1, lower.tail = FALSE))
  made <- do.call(rbind, ADJUSTED); key <- function(what) id(paste0("adjustments_differ.", what)); both <- made[!is.na(made[, "hr"]), ]
  put(key("lowest"), min(both[, "hr"])); put(key("highest"), max(both[, "hr"])); put(key("adjustments"), nrow(both)); put(key("smallest_p"), min(both[, "p"])); put(key("largest_p"), max(both[, "p"]))
  put(key("best"), min(both[, "largest"])); put(key("worst"), max(both[, "largest"])); put(key("lowest_difference"), min(made[, "difference"])); put(key("highest_difference"), max(made[, "difference"]))
  put(id("estimands_differ.pairs"), sum(MATCHED) / 2); put(id("estimands_differ.treated"), sum(treated & !MATCHED)); put(id("estimands_differ.control"), sum(!treated & !MATCHED))
  inside <- do.call(rbind, WITHIN); off <- inside[, "whole"] > .25
  put(id("subgroups_not_balanced.off"), sum(off)); put(id("subgroups_not_balanced.judged"), nrow(inside)); put(id("subgroups_not_balanced.worst"), max(inside[, "whole"])); put(id("subgroups_not_balanced.fitted"), sum(inside[, "fitted"]))
  for (rule in names(GROUP_FINDINGS)) for (k in names(GROUP_FINDINGS[[rule]])) put(id(rule, k), GROUP_FINDINGS[[rule]][[k]])
  put(id("subgroups_few_events.few"), sum(FEW)); put(id("subgroups_few_events.total"), length(FEW))
  smaller <- min(table(d$a)); put(id("score_size.columns"), ncol(X) - 1); put(id("score_size.smaller"), smaller); put(id("score_size.ratio"), smaller / (ncol(X) - 1)); put(id("score_size.safe"), smaller %/% 10)
  put(id("weights.ess_control"), ess(d$w[!treated])); put(id("weights.ess_treated"), ess(d$w[treated])); put(id("weights.control"), sum(!treated)); put(id("weights.treated"), sum(treated))
  put(id("weights.minimum"), min(d$w)); put(id("weights.maximum"), max(d$w)); put(id("weights.largest"), max(d$w) / mean(d$w))
  put(id("subgroup_interactions.tested"), length(INTERACTION)); put(id("subgroup_interactions.lowest"), min(INTERACTION))
  put(id("multiplicity.tests"), 3 * length(ENDPOINTS) + length(FEW)); put(id("multiplicity.endpoints"), length(ENDPOINTS)); put(id("multiplicity.comparisons"), 3); put(id("multiplicity.subgroups"), length(FEW))
  put(id("multiplicity.smallest"), min(LEADING)); put(id("multiplicity.adjusted"), min(p.adjust(LEADING, "holm")))
  put(id("follow_up_reach.observed"), median(d$os_time)); put(id("follow_up_reach.reverse"), quantile(survfit(Surv(os_time, 1 - os_event) ~ 1, data = d), .5, conf.int = FALSE)[[1]])
}

cat("16_imn_study\n")
gold("flow", D, numbers_of(flow))
gold("follow_up", D, numbers_of(follow_up))
gold("baseline_arms", D, numbers_of(baseline_arms), "stats")
gold("baseline_groups", D, numbers_of(baseline_groups), "stats")
gold("overall", D, numbers_of(overall))
gold("groups", D, numbers_of(groups))
gold("cox_models", D, numbers_of(cox_models))
gold("balance", D, numbers_of(balance), "stats")
gold("unadjusted", D, numbers_of(unadjusted))
gold("matched", D, numbers_of(matched))
gold("stability", D, numbers_of(stability))
gold("weighted", D, numbers_of(weighted))
gold("subgroups", D, numbers_of(subgroups))
gold("alternatives", D, numbers_of(alternatives))
gold("weighted_groups", D, numbers_of(weighted_groups))
gold("toxicity", D, numbers_of(toxicity), "stats")
gold("findings", D, numbers_of(findings))
gold("bootstrap", D, numbers_of(bootstrap), note = "2000 sets of exponential weights")
save_gold("imn_study.json")
