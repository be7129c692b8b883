# Cox models of special kinds: exact ties, ridge penalties, splines, terms of several columns. Needs R with survival and
# jsonlite only: cd tests/golden/r && REF_OUT=../values Rscript 19_cox_special.R, then the keys firth_*, cox_ridge_* and
# cox_monotone_warning of 03_cox.R, which needs coxphf, are put beside these in values/cox_special.json.
source("./common.R")
suppressMessages(library(splines))
cat("19_cox_special\n")
TIGHT <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 40)
ROT <- "survival::rotterdam, derived columns as in the script"
rott <- survival::rotterdam
rott$dmonths <- rott$dtime / 30.4375
rott$lnodes <- log1p(rott$nodes); rott$grade3 <- as.numeric(rott$grade == 3)
rott$entry_months <- ifelse(rott$dmonths > 12 & rott$pid %% 3 == 0, 6, 0)
lung2 <- lung[!is.na(lung$ph.ecog), ]
lung2$w <- 0.5 + (seq_len(nrow(lung2)) %% 5) / 4
pbc2 <- pbc[seq_len(312), ]
pbc2$dead <- as.numeric(pbc2$status == 2)
vet <- veteran

# ---- exact ties -------------------------------------------------------------------------------
fit <- function(formula, data) cox_out(coxph(formula, data, ties = "exact", control = TIGHT))
gold("exact_lung", "survival::lung, complete ph.ecog", fit(Surv(time, status == 2) ~ age + sex + ph.ecog, lung2))
gold("exact_lung_months", "survival::lung, complete ph.ecog", fit(Surv(ceiling(time / 30), status == 2) ~ age + sex + ph.ecog, lung2))
gold("exact_lung_months_strata", "survival::lung, complete ph.ecog", fit(Surv(ceiling(time / 60), status == 2) ~ age + ph.ecog + strata(sex), lung2))
gold("exact_lung_offset", "survival::lung, complete ph.ecog", fit(Surv(ceiling(time / 30), status == 2) ~ sex + ph.ecog + offset(age / 50), lung2))
gold("exact_veteran", "survival::veteran", fit(Surv(time, status) ~ trt + celltype + karno + diagtime + age + prior, vet))
gold("exact_veteran_months", "survival::veteran", fit(Surv(ceiling(time / 30), status) ~ trt + karno + age, vet))
gold("exact_ovarian_quarters", "survival::ovarian", fit(Surv(ceiling(futime / 90), fustat) ~ age + rx, ovarian))
gold("exact_rotterdam_half_yearly", ROT, fit(Surv(ceiling(dmonths / 6), death) ~ hormon + age + lnodes, rott))
gold("exact_rotterdam_quarterly_strata", ROT, fit(Surv(ceiling(dmonths / 3), death) ~ hormon + age + lnodes + strata(grade), rott))
# With late entry R goes through all sets one by one, so these have few ties.
late <- function(d) { n <- seq_len(nrow(d)); d$entry <- ifelse(n %% 3 == 0, floor(d$time / 2), 0); d }
plain <- function(formula, data) { f <- coxph(formula, data, ties = "exact", control = TIGHT); list(n = f$n, nevent = f$nevent, coef = arr(coef(f)), vcov = unname(f$var), loglik_null = f$loglik[1], loglik = f$loglik[2], wald_chisq = as.numeric(f$wald.test), score_chisq = as.numeric(f$score)) }
gold("exact_heart", "survival::heart", plain(Surv(start, stop, event) ~ age + surgery + transplant, heart))
gold("exact_lung_entry", "survival::lung, complete ph.ecog; entry = floor(time / 2) in every third row", plain(Surv(entry, time, status == 2) ~ age + sex + ph.ecog, late(lung2)))
gold("exact_veteran_entry", "survival::veteran; entry = floor(time / 2) in every third row", plain(Surv(entry, time, status) ~ trt + karno + strata(prior), late(vet)))
mantel <- function(formula, data) list(chisq = survdiff(formula, data)$chisq)
gold("mantel_lung_months", "survival::lung, complete ph.ecog", mantel(Surv(ceiling(time / 30), status == 2) ~ sex, lung2))
gold("mantel_veteran_months", "survival::veteran", mantel(Surv(ceiling(time / 30), status) ~ celltype, vet))
gold("mantel_rotterdam_half_yearly", ROT, mantel(Surv(ceiling(dmonths / 6), death) ~ hormon + strata(grade), rott))

# ---- ridge ------------------------------------------------------------------------------------
ridged <- function(f) list(coef = arr(coef(f)), var = unname(f$var), var2 = unname(f$var2), loglik = arr(f$loglik), penalty = arr(f$penalty), df = arr(f$df))
for (scaled in c(TRUE, FALSE)) {
  s <- if (scaled) "scaled" else "plain"
  eval(bquote(gold(.(paste0("ridge_pbc_", s)), "survival::pbc, first 312", ridged(coxph(Surv(time, dead) ~ ridge(age, edema, bili, albumin, theta = 20, scale = .(scaled)), pbc2, control = TIGHT)))))
  eval(bquote(gold(.(paste0("ridge_veteran_", s)), "survival::veteran", ridged(coxph(Surv(time, status) ~ ridge(trt, karno, diagtime, age, prior, theta = 3, scale = .(scaled)), vet, control = TIGHT)))))
  eval(bquote(gold(.(paste0("ridge_ovarian_", s)), "survival::ovarian", ridged(coxph(Surv(futime, fustat) ~ ridge(age, rx, resid.ds, ecog.ps, theta = 1.5, scale = .(scaled)), ovarian, ties = "breslow", control = TIGHT)))))
}
gold("ridge_veteran_part", "survival::veteran", ridged(coxph(Surv(time, status) ~ trt + ridge(karno, age, theta = 40, scale = TRUE) + strata(prior), vet, control = TIGHT)), note = "trt is not penalised; df by term")
gold("ridge_lung_weights", "survival::lung, complete ph.ecog; w = 0.5 + (row %% 5) / 4", ridged(coxph(Surv(time, status == 2) ~ ridge(age, sex, ph.ecog, theta = 10, scale = TRUE), lung2, weights = w, robust = FALSE, control = TIGHT)))
gold("ridge_rotterdam_entry", ROT, ridged(coxph(Surv(entry_months, dmonths, death) ~ ridge(age, lnodes, hormon, theta = 100, scale = TRUE), rott, control = TIGHT)))

# ---- natural splines --------------------------------------------------------------------------
spline <- function(b, at) list(knots = arr(attr(b, "knots")), boundary = arr(attr(b, "Boundary.knots")), head = unname(unclass(b)[1:12, , drop = FALSE]) + 0, sums = arr(colSums(b)), at = arr(at), predicted = unname(unclass(predict(b, at)))[, , drop = FALSE] + 0)
gold("ns_lung_age_3", "survival::lung", spline(ns(lung$age, df = 3), c(20, 45, 63.5, 70, 99)), c("survival", "splines"))
gold("ns_pbc_bili_4", "survival::pbc, first 312", spline(ns(pbc2$bili, df = 4), c(0.1, 1, 3, 12.5, 40)), c("survival", "splines"))
gold("ns_veteran_karno_5", "survival::veteran", spline(ns(vet$karno, df = 5), c(5, 30, 66, 99, 120)), c("survival", "splines"))
gold("ns_rotterdam_age_1", ROT, spline(ns(rott$age, df = 1), c(10, 50, 120)), c("survival", "splines"))
gold("ns_lung_age_knots", "survival::lung", spline(ns(lung$age, knots = c(50, 61, 72), Boundary.knots = c(45, 78)), c(30, 45, 63.5, 78, 99)), c("survival", "splines"))
gold("ns_lung_age_boundary", "survival::lung", spline(ns(lung$age, df = 4, Boundary.knots = c(45, 78)), c(30, 45, 63.5, 78, 99)), c("survival", "splines"))

# The Wald test of curvature comes from another parametrisation than ours: the straight line and all columns but one.
wald <- function(f, k) { b <- coef(f)[k]; sum(b * solve(f$var[k, k, drop = FALSE], b)) }
curved <- function(data, left, value, adjust, df, at, ...) {
  x <- data[[value]]; b <- ns(x, df = df); data$B <- unclass(b)[, , drop = FALSE]; data$x <- x; data$R <- data$B[, -1, drop = FALSE]
  model <- function(terms) coxph(as.formula(paste(left, "~", paste(c(terms, adjust), collapse = "+"))), data, control = TIGHT, ...)
  full <- model("B"); line <- model("x"); other <- model(c("x", "R")); k <- seq_len(df)
  d <- sweep(predict(b, at)[, , drop = FALSE], 2, predict(b, at[1])[1, ])
  base <- if (length(adjust)) model(character())$loglik[2] else full$loglik[1]
  list(coef = arr(coef(full)), lr = 2 * (full$loglik[2] - line$loglik[2]), anova = anova(line, full)$Chisq[2], lr_overall = 2 * (full$loglik[2] - base), wald = wald(other, 1 + seq_len(df - 1)), wald_overall = wald(full, k),
       p = anova(line, full)[2, 4], at = arr(at), log_hr = arr(d %*% coef(full)[k]), se = arr(sqrt(diag(d %*% full$var[k, k] %*% t(d)))))
}
gold("curve_lung_age", "survival::lung, complete ph.ecog", curved(lung2, "Surv(time, status == 2)", "age", character(), 3, c(60, 40, 75, 85)), c("survival", "splines"))
gold("curve_pbc_bili", "survival::pbc, first 312", curved(pbc2, "Surv(time, dead)", "bili", c("age", "edema"), 4, c(1, 0.5, 5, 30)), c("survival", "splines"))
gold("curve_veteran_karno", "survival::veteran", curved(vet, "Surv(time, status)", "karno", "trt", 3, c(60, 20, 99)), c("survival", "splines"))
gold("curve_rotterdam_age", ROT, curved(rott, "Surv(dmonths, death)", "age", c("hormon", "lnodes"), 5, c(50, 30, 65.5, 85)), c("survival", "splines"))
robust <- function(data, left, value, adjust, df, weight = rep(1, nrow(data)), by = seq_len(nrow(data))) {
  data$weight <- weight; data$by <- by
  b <- ns(data[[value]], df = df); data$B <- unclass(b)[, , drop = FALSE]; data$x <- data[[value]]; data$R <- data$B[, -1, drop = FALSE]
  model <- function(terms) coxph(as.formula(paste(left, "~", paste(c(terms, adjust), collapse = "+"))), data, control = TIGHT, weights = weight, cluster = by)
  list(wald = wald(model(c("x", "R")), 1 + seq_len(df - 1)), wald_overall = wald(model("B"), seq_len(df)))
}
gold("curve_lung_weights", "survival::lung, complete ph.ecog; w = 0.5 + (row %% 5) / 4", robust(lung2, "Surv(time, status == 2)", "age", "sex", 3, lung2$w), c("survival", "splines"))
gold("curve_veteran_weights", "survival::veteran; weights 0.5 + (row %% 3)", robust(vet, "Surv(time, status)", "karno", "trt", 4, 0.5 + seq_len(nrow(vet)) %% 3), c("survival", "splines"))
gold("curve_rotterdam_cluster", paste0(ROT, ", cluster = year"), robust(rott, "Surv(dmonths, death)", "age", "hormon", 3, by = rott$year), c("survival", "splines"))

# ---- terms of several columns -----------------------------------------------------------------
term <- function(smaller, larger, columns) {
  a <- anova(smaller, larger)
  list(loglik = arr(c(smaller$loglik[2], larger$loglik[2])), lr = a$Chisq[2], df = a$Df[2], p = a[2, 4], wald = wald(larger, columns), coef = arr(coef(larger)))
}
joint <- function(f, columns) list(coef = arr(coef(f)), wald = wald(f, columns))
cx <- function(formula, data, ties = "efron") coxph(formula, data, control = TIGHT, ties = ties)
vet$w <- 0.5 + seq_len(nrow(vet)) %% 3; vet$trt2 <- vet$trt == 2; pbc2$stage4 <- factor(pbc2$stage)
gold("term_veteran_trt_celltype", "survival::veteran; squamous is the reference", term(cx(Surv(time, status) ~ trt2 + celltype, vet), cx(Surv(time, status) ~ trt2 * celltype, vet), 5:7))
gold("term_lung_sex_ecog", "survival::lung, complete ph.ecog", term(cx(Surv(time, status == 2) ~ sex + ph.ecog, lung2), cx(Surv(time, status == 2) ~ sex * ph.ecog, lung2), 3))
gold("term_rotterdam_hormon_size", ROT, term(cx(Surv(dmonths, death) ~ hormon + size + age, rott), cx(Surv(dmonths, death) ~ hormon * size + age, rott), 5:6))
gold("term_pbc_stage", "survival::pbc, first 312", term(cx(Surv(time, dead) ~ age, pbc2), cx(Surv(time, dead) ~ age + stage4, pbc2), 2:4))
gold("term_ovarian_exact", "survival::ovarian", term(cx(Surv(ceiling(futime / 90), fustat) ~ age, ovarian, ties = "exact"), cx(Surv(ceiling(futime / 90), fustat) ~ age + rx + resid.ds, ovarian, ties = "exact"), 2:3))
gold("term_veteran_robust", "survival::veteran; weights 0.5 + (row %% 3)", joint(coxph(Surv(time, status) ~ trt2 * celltype, vet, control = TIGHT, weights = w, robust = TRUE), 5:7))
gold("term_rotterdam_cluster", paste0(ROT, ", cluster = year"), joint(coxph(Surv(dmonths, death) ~ hormon * size, rott, control = TIGHT, cluster = year), 4:5))
gold("term_lung_robust", "survival::lung, complete ph.ecog; w = 0.5 + (row %% 5) / 4", joint(coxph(Surv(time, status == 2) ~ age + sex * ph.ecog, lung2, control = TIGHT, weights = w, robust = TRUE), c(2, 4)))
save_gold("cox_special.json")
