# Right values where other programs are known to err. The data come with survival. Writes known_errors.json.
source("./common.R")
cat("24_known_errors\n")
TIGHT <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 40)
rott <- survival::rotterdam
rott$months <- rott$dtime / 30.4375
rott$half_years <- ceiling(rott$months / 6)
rott$entry <- ifelse(rott$pid %% 2 == 0, 0.8 * pmin(rott$months, 60), 0)
rott$cw <- 0.5 + (rott$pid %% 5) / 4
np <- subset(rott, nodes > 0)
few <- np[seq(1, by = 10, length.out = 146), ]
D <- "survival::rotterdam"

gold("robust_half_yearly_ties", D, { f <- coxph(Surv(half_years, death) ~ hormon, few, robust = TRUE, control = TIGHT); list(coef = coef(f)[[1]], se = sqrt(diag(vcov(f)))[[1]]) }, note = "every tenth of the first 1,451 node-positive patients; a residual that leaves ties out is not this")
gold("zph_chemo", D, mat(cox.zph(coxph(Surv(dtime, death) ~ chemo + age + nodes + grade, rott, control = TIGHT), transform = "km")$table), note = "the approximation of survival < 3 gives .18 for chemo")
gold("entry_in_prediction", D, { f <- coxph(Surv(entry, months, death) ~ hormon + age, rott, control = TIGHT); s <- summary(survfit(f, newdata = data.frame(hormon = 1, age = 60)), times = 60); g <- coxph(Surv(months, death) ~ hormon + age, rott, init = coef(f), control = coxph.control(iter.max = 0)); s0 <- summary(survfit(g, newdata = data.frame(hormon = 1, age = 60)), times = 60); list(with_entry = s$surv, se = s$std.err, without_entry = s0$surv) }, note = "without_entry: the baseline hazard of the same coefficients if nobody entered late")
gold("dfbeta_of_a_weighted_fit", D, { f <- coxph(Surv(months, death) ~ hormon, np, weights = cw, robust = TRUE, control = TIGHT); d <- resid(f, "dfbeta", weighted = FALSE); list(robust_se = sqrt(diag(vcov(f)))[[1]], weighted_once = sqrt(sum((d * np$cw)^2)), weighted_twice = sqrt(sum((d * np$cw^2)^2))) })
gold("weights_are_heard", D, { f <- coxph(Surv(months, death) ~ hormon, np, weights = cw, control = TIGHT); g <- coxph(Surv(months, death) ~ hormon, np, control = TIGHT); list(weighted = coef(f)[[1]], unweighted = coef(g)[[1]]) })
gold("entry_at_a_time_of_death", "inline", { d <- data.frame(a = c(0, 0, 0, 2, 2), t = c(1, 2, 4, 3, 5), e = c(1, 1, 0, 1, 1), x = c(1, 0, 1, 0, 1)); f <- coxph(Surv(a, t, e) ~ x, d, control = TIGHT); k <- survfit(Surv(a, t, e) ~ 1, d); list(coef = coef(f)[[1]], loglik = arr(f$loglik), at_risk = arr(k$n.risk), survival = arr(k$surv)) }, note = "who enters at 2 is not at risk at the death at 2")
ps <- fitted(glm(hormon ~ age + meno + size + I(grade == 3) + log1p(nodes) + log1p(pgr) + log1p(er) + chemo, binomial, np, control = glm.control(epsilon = 1e-14, maxit = 100)))
np$w <- ifelse(np$hormon == 1, 1 / ps, 1 / (1 - ps))
gold("log_rank_under_weights", D, { f <- coxph(Surv(months, death) ~ hormon, np, weights = w, robust = TRUE, ties = "breslow", control = TIGHT); s <- survdiff(Surv(months, death) ~ hormon, np); list(robust_score = f$rscore, unweighted = s$chisq, weights = arr(np$w)) })
gold("interaction_under_weights", D, { np$old <- as.numeric(np$age > 60); f <- coxph(Surv(months, death) ~ hormon * old, np, weights = w, robust = TRUE, control = TIGHT); g <- coxph(Surv(months, death) ~ hormon + old, np, weights = w, control = TIGHT); h <- coxph(Surv(months, death) ~ hormon * old, np, weights = w, control = TIGHT); list(robust_wald = (coef(f)[[3]] / sqrt(vcov(f)[3, 3]))^2, naive_likelihood_ratio = 2 * (h$loglik[2] - g$loglik[2])) })
gold("restricted_mean_error", "survival::lung", { s <- summary(survfit(Surv(time, status) ~ 1, survival::lung), rmean = 365)$table; list(rmean = s[["rmean"]], se = s[["se(rmean)"]]) })
save_gold("known_errors.json")
