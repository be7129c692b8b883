# What the estimates of a study are held to, on the node-positive patients of survival::rotterdam; needs R with survival
# and jsonlite only: cd tests/golden/r && REF_OUT=../values Rscript 15_estimates.R
source("./common.R")
cat("15_estimates\n")
exact <- coxph.control(eps = 1e-11, iter.max = 100)   # R's default stops at 1e-9
rott <- within(survival::rotterdam, {
  dmonths <- dtime / 30.4375; rfs <- pmax(recur, death); rfsmonths <- ifelse(recur == 1, rtime, dtime) / 30.4375
  lnodes <- log1p(nodes); lpgr <- log1p(pgr); ler <- log1p(er); grade3 <- as.integer(grade == 3); trt4 <- chemo + 2 * hormon })
rott <- rott[rott$nodes > 0, ]
D <- "survival::rotterdam, nodes > 0"
PSF <- hormon ~ age + meno + size + grade3 + lnodes + lpgr + ler + chemo
terms <- c("age", "meno", "size", "grade3", "lnodes", "lpgr", "ler", "chemo", "hormon")
wald <- function(f) unname(sapply(split(seq_along(coef(f)), factor(f$assign_of, unique(f$assign_of))), function(i) pchisq(drop(coef(f)[i] %*% solve(f$var[i, i], coef(f)[i])), length(i), lower.tail = FALSE)))
model <- function(rhs, ties = "efron") {
  f <- coxph(reformulate(rhs, "Surv(dmonths, death)"), data = rott, ties = ties, control = exact)
  f$assign_of <- rep(seq_along(rhs), ifelse(rhs == "size", 2, 1)); s <- summary(f)
  list(coef = arr(coef(f)), se = arr(sqrt(diag(f$var))), hr_lower = arr(s$conf.int[, 3]), hr_upper = arr(s$conf.int[, 4]), p = arr(s$coefficients[, "Pr(>|z|)"]),
       joint_p = arr(wald(f)), zph_p = arr(cox.zph(f)$table[, "p"])) }
for (v in terms) eval(bquote(gold(.(paste0("univariable_", v)), D, model(.(v)))))
gold("multivariable", D, model(terms))
gold("multivariable_breslow", D, model(terms, "breslow"))
# curves ------------------------------------------------------------------------------------------
curves <- function(f) { s <- summary(f, times = 60, extend = TRUE); q <- quantile(f, .5)
  list(n = arr(s$n), events = arr(if (is.matrix(s$table)) s$table[, "events"] else s$table[["events"]]), at_risk = arr(s$n.risk), rate = arr(s$surv), std_error = arr(s$std.err), lower = arr(s$lower), upper = arr(s$upper),
       median = arr(q$quantile), median_lower = arr(q$lower), median_upper = arr(q$upper)) }
fit <- function(by, ...) survfit(reformulate(by, "Surv(dmonths, death)"), data = rott, conf.type = "log-log", ...)
gold("curve_all", D, curves(fit("1")))
gold("curves_hormon", D, curves(fit("hormon")))
gold("curves_trt4", D, curves(fit("trt4")))
gold("log_rank_trt4", D, { pairs <- combn(0:3, 2); p <- apply(pairs, 2, function(k) survdiff(Surv(dmonths, death) ~ trt4, rott[rott$trt4 %in% k, ])$pvalue)
  list(chisq = survdiff(Surv(dmonths, death) ~ trt4, rott)$chisq, pair_p = arr(p), holm = arr(p.adjust(p, "holm"))) })
gold("difference_60", D, { s <- summary(fit("hormon"), times = 60); d <- s$surv[2] - s$surv[1]; e <- sqrt(sum(s$std.err^2)); z <- qnorm(.975)
  list(value = d, std_error = e, lower = d - z * e, upper = d + z * e, p = 2 * pnorm(-abs(d / e))) })
gold("follow_up", D, { q <- quantile(survfit(Surv(dmonths, 1 - death) ~ 1, data = rott, conf.type = "log-log"), .5)
  list(reverse = q$quantile[[1]], lower = q$lower[[1]], upper = q$upper[[1]], observed = median(rott$dmonths), minimum = min(rott$dmonths), maximum = max(rott$dmonths), person_years = sum(rott$dmonths) / 12) })
# weighted ----------------------------------------------------------------------------------------
e <- fitted(glm(PSF, binomial, rott, control = glm.control(epsilon = 1e-14, maxit = 100))); a <- rott$hormon; share <- mean(a)
W <- list(ATE = a / e + (1 - a) / (1 - e), stabilised = a * share / e + (1 - a) * (1 - share) / (1 - e), ATT = a + (1 - a) * e / (1 - e), ATC = a * (1 - e) / e + 1 - a, ATO = a * (1 - e) + (1 - a) * e)
weighted <- function(w, time = "dmonths", event = "death") { rott$w <- w; y <- sprintf("Surv(%s, %s)", time, event)
  f <- coxph(reformulate("hormon", y), data = rott, weights = w, robust = TRUE, control = exact); s <- summary(f)
  c(list(coef = unname(coef(f)), naive_se = sqrt(f$naive.var[1]), robust_se = sqrt(f$var[1]), hr_lower = s$conf.int[3], hr_upper = s$conf.int[4], p = s$coefficients[, "Pr(>|z|)"][[1]],
         robust_score_p = pchisq(drop(f$rscore), 1, lower.tail = FALSE), weight = arr(tapply(w, a, sum))),
    curves(survfit(reformulate("hormon", y), data = rott, weights = w, robust = TRUE, conf.type = "log-log"))) }
for (k in names(W)) eval(bquote(gold(.(paste0("weighted_", k)), D, weighted(W[[.(k)]]))))
gold("weighted_rfs_ATE", D, weighted(W$ATE, "rfsmonths", "rfs"))
# matched: the pairs of MatchIt that outcomes.json holds ------------------------------------------------
pairs <- fromJSON("../values/outcomes.json")$np_matched_cohort$result
md <- rott[match(pairs$pid, rott$pid), ]; md$pair <- pairs$subclass
gold("matched", paste(D, "+ np_matched_cohort"), { f <- coxph(Surv(dmonths, death) ~ hormon, data = md, cluster = pair, control = exact); s <- summary(f)
  c(list(coef = unname(coef(f)), model_se = sqrt(f$naive.var[1]), robust_se = sqrt(f$var[1]), hr_lower = s$conf.int[3], hr_upper = s$conf.int[4], p = s$coefficients[, "Pr(>|z|)"][[1]], robust_score_p = pchisq(drop(f$rscore), 1, lower.tail = FALSE),
         zph_p = cox.zph(coxph(Surv(dmonths, death) ~ hormon, data = md, control = exact))$table[1, "p"]),
    curves(survfit(Surv(dmonths, death) ~ hormon, data = md, conf.type = "log-log"))) })
# Table 1 -----------------------------------------------------------------------------------------
describe <- function(d, group, counted = c("meno", "size", "grade3", "chemo")) { g <- factor(d[[group]]); both <- function(x, f) arr(c(tapply(x, g, f), f(x)))
  number <- function(v) { x <- d[[v]]; list(p = oneway.test(x ~ g)$p.value, mean = both(x, mean), sd = both(x, sd), median = both(x, median), minimum = both(x, min), maximum = both(x, max)) }
  count <- function(v) { t <- table(d[[v]], g); x <- suppressWarnings(chisq.test(t, correct = FALSE)); small <- min(x$expected) < 5
    list(p = if (small) fisher.test(t, workspace = 2e7)$p.value else x$p.value, exact = small, counts = unname(unclass(t))) }
  c(lapply(setNames(nm = c("age", "pgr")), number), lapply(setNames(nm = counted), count)) }
gold("baseline_hormon", D, describe(rott, "hormon"), "stats")
gold("baseline_trt4", D, describe(rott, "trt4", c("meno", "grade3", "chemo")), "stats", note = "without size, whose expected counts fall below 5: fisher.test does not end")
gold("baseline_hormon_90", "every 17th row of the same", describe(rott[seq(1, nrow(rott), 17), ], "hormon"), "stats")
gold("event_share", D, { w <- function(x, n) arr(prop.test(x, n, correct = FALSE)$conf.int); list(all = w(sum(rott$death), nrow(rott)), control = w(sum(rott$death[a == 0]), sum(a == 0)), treated = w(sum(rott$death[a == 1]), sum(a == 1))) }, "stats")
save_gold("estimates.json")
