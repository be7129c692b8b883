# Cox fits whose iterations are run to the limit of double precision (coxph stops at a relative change of the
# log-likelihood of 1e-9, which leaves some coefficients right to 8 digits only), and combinations that the other
# scripts leave out. The data come with survival. Writes cox_kernels.json; its entries are then put, key by key,
# into values/cox.json and values/cox_weighted.json beside those of 03_cox.R and 08_outcomes.R.
source("./common.R")
cat("13_cox_kernels\n")
TIGHT <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 40)
rott <- survival::rotterdam
rott$dmonths <- rott$dtime / 30.4375
rott$lnodes <- log1p(rott$nodes); rott$lpgr <- log1p(rott$pgr); rott$ler <- log1p(rott$er)
rott$grade3 <- as.numeric(rott$grade == 3)
rott$entry_months <- ifelse(rott$dmonths > 12 & rott$pid %% 3 == 0, 6, 0)
rott$cw <- 0.5 + (rott$pid %% 5) / 4
F0 <- hormon ~ age + meno + size + grade3 + lnodes + lpgr + ler + chemo
D <- "survival::rotterdam, derived columns as in the script; cw = 0.5 + (pid %% 5) / 4"
zp <- function(z) mat(z$table)

gold("tight_lung_efron", "survival::lung", cox_out(coxph(control = TIGHT, Surv(time, status == 2) ~ age + sex + ph.ecog, lung)))
gold("tight_lung_initial", "survival::lung", cox_out(coxph(control = TIGHT, Surv(time, status == 2) ~ age + sex + ph.ecog, lung, init = c(0.02, -0.3, 0.2), robust = TRUE)), note = "the three tests are of the initial value")
gold("tight_cgd_ag", "survival::cgd", cox_out(coxph(control = TIGHT, Surv(tstart, tstop, status) ~ treat + age + inherit, cgd, cluster = id)))
gold("tight_heart_breslow", "survival::heart", cox_out(coxph(control = TIGHT, Surv(start, stop, event) ~ age + year + surgery + transplant, heart, ties = "breslow", cluster = id)))
gold("tight_cluster_year_efron", D, cox_out(coxph(control = TIGHT, Surv(dmonths, death) ~ hormon + age + lnodes, rott, cluster = year)))
gold("tight_two_strata", D, cox_out(coxph(control = TIGHT, Surv(dmonths, death) ~ hormon + age + strata(size, grade), rott)))
gold("tight_year_strata", D, cox_out(coxph(control = TIGHT, Surv(dmonths, death) ~ hormon + age + strata(year, size), rott, robust = TRUE)), note = "many strata")
gold("tight_weights_efron", D, cox_out(coxph(control = TIGHT, Surv(dmonths, death) ~ hormon + age + size, rott, weights = cw, robust = TRUE)))
for (ti in c("efron", "breslow")) eval(bquote(gold(.(paste0("tight_all_", ti)), D, cox_out(coxph(control = TIGHT, Surv(entry_months, ceiling(dmonths / 6) * 6 + 1, death) ~ hormon + age + lnodes + strata(size), rott, weights = cw, cluster = year, ties = .(ti))), note = "half-yearly ties, late entry, strata, weights and clusters at once")))
gold("tight_dfbeta", D, { f <- coxph(control = TIGHT, Surv(dmonths, death) ~ hormon + age + lnodes, rott, weights = cw); r <- resid(f, "dfbeta", weighted = TRUE); list(head = unname(r[1:20, ]), sumsq = arr(colSums(r^2))) })
for (tr in c("km", "rank", "identity", "log")) eval(bquote(gold(.(paste0("tight_zph_lung_", tr)), "survival::lung", zp(cox.zph(coxph(control = TIGHT, Surv(time, status == 2) ~ age + sex + ph.ecog, lung), transform = .(tr))))))
gold("tight_zph_ltrunc", D, zp(cox.zph(coxph(control = TIGHT, Surv(entry_months, dmonths, death) ~ hormon + age + lnodes, rott), transform = "km")))
gold("tight_zph_ltrunc_strata", D, zp(cox.zph(coxph(control = TIGHT, Surv(entry_months, ceiling(dmonths / 6) * 6 + 1, death) ~ hormon + age + lnodes + strata(size), rott), transform = "km")))

np <- subset(rott, nodes > 0); np$id <- seq_len(nrow(np))
ps <- fitted(glm(F0, binomial, np, control = glm.control(epsilon = 1e-14, maxit = 100)))
np$w <- ifelse(np$hormon == 1, 1 / ps, 1 / (1 - ps))
DN <- "survival::rotterdam, nodes > 0, derived columns as in the script; w = ATE weights of glm(F0)"
gold("tight_np_iptw_dr", DN, cox_out(coxph(control = TIGHT, update(F0, Surv(dmonths, death) ~ hormon + .), np, weights = w, robust = TRUE)))
varying <- function(d, time, transform) {    # treatment x g(t): every row is split at every event time
  d$t <- time; cut <- sort(unique(d$t[d$death == 1]))
  g <- switch(transform, identity = identity, log = log,
    rank = { r <- rank(d$t); function(u) r[match(u, d$t)] },
    km = { k <- survfit(Surv(t, death) ~ 1, d); function(u) 1 - c(1, k$surv)[findInterval(u, k$time, left.open = TRUE) + 1] })
  s <- survSplit(Surv(t, death) ~ hormon + w + id + year, d, cut = cut); s <- s[s$t %in% cut, ]
  s$varying <- s$hormon * g(s$t)
  by <- function(k) { s$by <- s[[k]]; f <- coxph(control = TIGHT, Surv(tstart, t, death) ~ hormon + varying, s, weights = w, cluster = by); list(coef = unname(coef(f)[2]), se = sqrt(f$var[2, 2]), chisq = unname(coef(f)[2]^2) / f$var[2, 2]) }
  list(by_patient = by("id"), by_year = by("year"))
}
for (tr in c("km", "rank", "identity", "log")) eval(bquote(gold(.(paste0("tight_np_varying_", tr)), DN, varying(np, np$dmonths, .(tr)))))
gold("tight_np_varying_half_yearly", DN, varying(np, ceiling(np$dmonths / 6), "km"), note = "time = ceiling(dmonths / 6)")
save_gold("cox_kernels.json")
