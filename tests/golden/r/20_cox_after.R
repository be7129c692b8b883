# What follows a Cox fit: concordance, residuals, baseline hazards, predicted and standardised curves, tests of
# proportional hazards. All fits are run to the limit of double precision. The data come with survival; derived
# columns are made here.
source("./common.R")
cat("20_cox_after\n")
TIGHT <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 40)
lung <- subset(survival::lung, !is.na(ph.ecog))
lung$died <- lung$status - 1; lung$w <- 0.5 + (seq_len(nrow(lung)) %% 5) / 4
lung$entry <- ifelse(seq_len(nrow(lung)) %% 3 == 0, floor(lung$time / 4), 0)
vet <- survival::veteran
vet$i <- seq_len(nrow(vet)); vet$w <- 0.5 + (vet$i %% 5) / 4; vet$months <- ceiling(vet$time / 30); vet$group <- vet$i %% 20
vet$cell <- as.numeric(vet$celltype); vet$entry <- ifelse(vet$i %% 3 == 0, floor(vet$time / 3), 0)
heart <- survival::heart; heart$transplanted <- as.numeric(heart$transplant) - 1
cgd <- survival::cgd; cgd$drug <- as.numeric(cgd$treat == "rIFN-g")
rott <- survival::rotterdam
rott$dmonths <- rott$dtime / 30.4375; rott$lnodes <- log1p(rott$nodes); rott$stage <- as.numeric(rott$size) - 1
rott$entry <- ifelse(rott$dmonths > 12 & rott$pid %% 3 == 0, 6, 0)
rott$w <- 0.5 + (rott$pid %% 5) / 4; rott$halfyears <- ceiling(rott$dmonths / 6)
np <- subset(rott, nodes > 0)

# ---- concordance of a predictor -------------------------------------------------------------------------------
agree <- function(cc) { m <- if (is.matrix(cc$count)) cc$count else matrix(cc$count, 1)
  list(value = unname(cc$concordance), std_error = sqrt(cc$var), n = cc$n, counts = unname(m), influence = arr(head(cc$dfbeta, 30)), sumsq = sum(cc$dfbeta^2)) }
both <- function(...) { call <- sys.call(); call[[1]] <- quote(concordance); call$reverse <- TRUE; call$influence <- 1; call$keepstrata <- TRUE; agree(eval(call, globalenv())) }
described <- function(name) paste0("survival::", sub("_.*", "", name), ", as in the script")
gold("c_lung_age", "survival::lung, complete", both(Surv(time, died) ~ age, lung))
gold("c_lung_weights", "survival::lung, complete; w = 0.5 + (i %% 5) / 4", both(Surv(time, died) ~ age, lung, weights = w))
gold("c_lung_entry", "survival::lung, complete; entry = floor(time / 4) of every third row", both(Surv(entry, time, died) ~ age, lung))
gold("c_lung_entry_weights_strata", "survival::lung, complete; entry, w", both(Surv(entry, time, died) ~ age + strata(sex), lung, weights = w))
gold("c_lung_cluster", "survival::lung, complete; inst known", both(Surv(time, died) ~ age, subset(lung, !is.na(inst)), cluster = inst))
gold("c_lung_better", "survival::lung, complete", agree(concordance(Surv(time, died) ~ age, lung, influence = 1)))
gold("c_veteran", "survival::veteran", both(Surv(time, status) ~ karno, vet))
gold("c_veteran_months_strata", "survival::veteran; months = ceiling(time / 30)", both(Surv(months, status) ~ karno + strata(celltype), vet))
gold("c_veteran_months_weights_cluster", "survival::veteran; months, w, group = i %% 20", both(Surv(months, status) ~ karno, vet, weights = w, cluster = group))
gold("c_heart", "survival::heart", both(Surv(start, stop, event) ~ age, heart))
gold("c_heart_cluster", "survival::heart", both(Surv(start, stop, event) ~ age, heart, cluster = id))
gold("c_cgd", "survival::cgd", both(Surv(tstart, tstop, status) ~ age, cgd, cluster = id))
gold("c_rotterdam", "survival::rotterdam", both(Surv(dmonths, death) ~ nodes, rott))
gold("c_rotterdam_halfyears_all", "survival::rotterdam; halfyears = ceiling(dtime / 182.625), w = 0.5 + (pid %% 5) / 4", both(Surv(halfyears, death) ~ nodes + strata(size), rott, weights = w, cluster = year))
gold("c_rotterdam_entry", "survival::rotterdam; entry as in the script", both(Surv(entry, dmonths, death) ~ nodes, rott))
for (tw in c("S", "S/G", "n/G2", "I")) {
  eval(bquote(gold(.(paste0("c_lung_", tw)), "survival::lung, complete", both(Surv(time, died) ~ age, lung, timewt = .(tw)))))
  eval(bquote(gold(.(paste0("c_veteran_months_", tw)), "survival::veteran; months", both(Surv(months, status) ~ karno, vet, timewt = .(tw)))))
  eval(bquote(gold(.(paste0("c_rotterdam_", tw)), "survival::rotterdam; w", both(Surv(dmonths, death) ~ nodes + strata(size), rott, weights = w, timewt = .(tw)))))
}
# (R 3.5-3 crashes on timewt = "S" and "I" with (start, stop] data: nothing to compare with)
gold("c_lung_uno_365", "survival::lung, complete", both(Surv(time, died) ~ age, lung, timewt = "n/G2", ymax = 365))
gold("c_rotterdam_60", "survival::rotterdam", both(Surv(dmonths, death) ~ nodes, rott, ymax = 60))
gold("c_veteran_until_100", "survival::veteran", both(Surv(time, status) ~ karno, vet, ymax = 100))

# ---- fits -------------------------------------------------------------------------------------------------------
FITS <- list(
  lung = quote(coxph(Surv(time, died) ~ age + sex + ph.ecog, lung, control = TIGHT, x = TRUE)),
  lung_weights = quote(coxph(Surv(time, died) ~ age + sex + ph.ecog, lung, weights = w, control = TIGHT, x = TRUE)),
  lung_entry_strata = quote(coxph(Surv(entry, time, died) ~ age + ph.ecog + strata(sex), lung, control = TIGHT, x = TRUE)),
  veteran_months = quote(coxph(Surv(months, status) ~ trt + karno + age, vet, control = TIGHT, x = TRUE)),
  veteran_strata_weights = quote(coxph(Surv(months, status) ~ trt + karno + strata(cell), vet, weights = w, cluster = group, control = TIGHT, x = TRUE)),
  heart = quote(coxph(Surv(start, stop, event) ~ age + year + surgery + transplanted, heart, control = TIGHT, x = TRUE)),
  cgd = quote(coxph(Surv(tstart, tstop, status) ~ drug + age, cgd, cluster = id, control = TIGHT, x = TRUE)),
  rotterdam_entry = quote(coxph(Surv(entry, dmonths, death) ~ hormon + age + lnodes, rott, control = TIGHT, x = TRUE)),
  rotterdam_all = quote(coxph(Surv(entry, halfyears * 6 + 1, death) ~ hormon + age + lnodes + strata(stage), rott, weights = w, control = TIGHT, x = TRUE)),
  lung_offset = quote(coxph(Surv(time, died) ~ sex + ph.ecog + offset(age / 50), lung, control = TIGHT, x = TRUE)))
NEW <- list(
  lung = data.frame(age = c(50, 70), sex = c(2, 1), ph.ecog = c(0, 2), w = 1),
  lung_weights = data.frame(age = c(50, 70), sex = c(2, 1), ph.ecog = c(0, 2), w = 1),
  lung_entry_strata = data.frame(age = c(50, 70), sex = c(2, 1), ph.ecog = c(0, 2)),
  veteran_months = data.frame(trt = c(1, 2), karno = c(80, 40), age = c(50, 65)),
  veteran_strata_weights = data.frame(trt = c(1, 2), karno = c(80, 40), cell = c(1, 3), w = 1, group = 1),
  heart = data.frame(age = c(-10, 5), year = c(2, 4), surgery = c(0, 1), transplanted = c(0, 1)),
  cgd = data.frame(drug = c(0, 1), age = c(10, 20), id = 1),
  rotterdam_entry = data.frame(hormon = c(0, 1), age = c(45, 65), lnodes = log1p(c(1, 6))),
  rotterdam_all = data.frame(hormon = c(0, 1), age = c(45, 65), lnodes = log1p(c(1, 6)), stage = c(0, 2), w = 1),
  lung_offset = data.frame(age = c(50, 70), sex = c(2, 1), ph.ecog = c(0, 2)))
TIMES <- list(lung = c(100, 365, 700), lung_weights = c(100, 365, 700), lung_entry_strata = c(100, 365, 700), veteran_months = c(1, 3, 12), veteran_strata_weights = c(1, 3, 5),
  heart = c(30, 180, 900), cgd = c(60, 180, 300), rotterdam_entry = c(12, 60, 120), rotterdam_all = c(12, 60, 120), lung_offset = c(100, 365, 700))
few <- function(x) { x <- as.matrix(x); list(head = unname(x[1:30, , drop = FALSE]), sum = arr(colSums(x)), sumsq = arr(colSums(x^2))) }
about <- function(f, new, times, exact = FALSE) {
  kinds <- c("martingale", "deviance", if (!exact) c("score", "dfbeta", "dfbetas"))
  o <- list(coefficients = arr(coef(f)), residuals = lapply(setNames(kinds, kinds), function(k) few(resid(f, k))))
  o$martingale_weighted <- few(resid(f, "martingale", weighted = TRUE))
  if (!exact) {
    s <- as.matrix(resid(f, "schoenfeld")); o$schoenfeld <- few(s); o$schoenfeld_time <- arr(head(as.numeric(rownames(s)), 30))
    o$scaled <- few(resid(f, "scaledsch")) }
  b0 <- survfit(f, se.fit = TRUE)
  stratum <- if (is.null(b0$strata)) rep(1, length(b0$time)) else rep(seq_along(b0$strata), b0$strata)
  keep <- b0$n.event > 0
  base <- basehaz(f, centered = FALSE)
  o$means <- arr(f$means)
  o$baseline <- list(stratum = arr(head(stratum[keep], 60)), time = arr(head(b0$time[keep], 60)), cumulative = arr(head(base$hazard[keep], 60)), centred = arr(head(b0$cumhaz[keep], 60)),
    centred_std_error = arr(head(b0$std.err[keep], 60)), n_risk = arr(head(b0$n.risk[keep], 60)), n_event = arr(head(b0$n.event[keep], 60)), count = sum(keep), total = sum(base$hazard[keep]))
  o$predicted <- lapply(c("log", "log-log", "plain", "logit", "arcsin"), function(ct) lapply(seq_len(nrow(new)), function(i) {
    s <- summary(survfit(f, newdata = new[i, , drop = FALSE], conf.type = ct), times = times, extend = TRUE)
    list(surv = arr(s$surv), std_err = arr(s$std.err), lower = arr(s$lower), upper = arr(s$upper), cumhaz = arr(s$cumhaz)) }))
  names(o$predicted) <- c("log", "log-log", "plain", "logit", "arcsine")
  zero <- predict(f, newdata = new, type = "lp", reference = "zero", se.fit = TRUE); sample <- predict(f, newdata = new, type = "lp", reference = "sample", se.fit = TRUE)
  o$lp <- list(zero = arr(zero$fit), zero_std_error = arr(zero$se.fit), sample = arr(sample$fit), sample_std_error = arr(sample$se.fit))
  cc <- concordance(f, keepstrata = TRUE); o$concordance <- list(value = unname(cc$concordance), std_error = sqrt(cc$var), counts = unname(if (is.matrix(cc$count)) cc$count else matrix(cc$count, 1)))
  o
}
for (name in names(FITS)) for (ti in c("efron", "breslow")) {
  call <- FITS[[name]]; call$ties <- ti
  eval(bquote(gold(.(paste0("after_", name, "_", ti)), .(described(name)), { f <- .(call); about(f, NEW[[.(name)]], TIMES[[.(name)]]) })))
}
gold("after_veteran_months_exact", "survival::veteran; months", { f <- coxph(Surv(months, status) ~ trt + karno + age, vet, ties = "exact", control = TIGHT, x = TRUE); about(f, NEW$veteran_months, TIMES$veteran_months, exact = TRUE) })
gold("after_lung_exact", "survival::lung, complete", { f <- coxph(Surv(time, died) ~ age + sex + ph.ecog, lung, ties = "exact", control = TIGHT, x = TRUE); about(f, NEW$lung, TIMES$lung, exact = TRUE) })
gold("after_lung_exact_strata", "survival::lung, complete", { f <- coxph(Surv(time, died) ~ age + ph.ecog + strata(sex), lung, ties = "exact", control = TIGHT, x = TRUE); about(f, NEW$lung_entry_strata, TIMES$lung_entry_strata, exact = TRUE) })
gold("collapse_heart", "survival::heart", { f <- coxph(Surv(start, stop, event) ~ age + year + surgery + transplanted, heart, control = TIGHT); k <- c("martingale", "deviance", "score", "dfbeta"); lapply(setNames(k, k), function(i) few(resid(f, i, collapse = heart$id))) })
gold("collapse_cgd", "survival::cgd", { f <- coxph(Surv(tstart, tstop, status) ~ drug + age, cgd, control = TIGHT); k <- c("martingale", "deviance", "score", "dfbeta"); lapply(setNames(k, k), function(i) few(resid(f, i, collapse = cgd$id))) })
gold("collapse_veteran", "survival::veteran; w, group", { f <- coxph(Surv(months, status) ~ trt + karno, vet, weights = w, control = TIGHT); k <- c("martingale", "score", "dfbeta"); lapply(setNames(k, k), function(i) list(values = unname(as.matrix(resid(f, i, collapse = vet$group, weighted = TRUE))))) })
pieces <- function(d, time, event, cut) { d$i <- seq_len(nrow(d)); d$t <- d[[time]]; d$e <- d[[event]]; survSplit(Surv(t, e) ~ ., d[, c("t", "e", "i", "x1", "x2")], cut = cut) }
split_lung <- pieces(transform(lung, x1 = age, x2 = sex), "time", "died", c(100, 300)); split_vet <- pieces(transform(vet, x1 = trt, x2 = karno), "time", "status", c(20, 100))
for (name in c("lung", "veteran")) eval(bquote(gold(.(paste0("collapse_", name, "_split")), "rows split at two times", { f <- coxph(Surv(tstart, t, e) ~ x1 + x2, .(as.name(if (name == "lung") "split_lung" else "split_vet")), control = TIGHT); k <- c("martingale", "deviance", "score", "dfbeta"); lapply(setNames(k, k), function(j) few(resid(f, j, collapse = .(as.name(if (name == "lung") "split_lung" else "split_vet"))$i))) })))
gold("entry_rotterdam_60", "survival::rotterdam; entry = 24 for half of those seen longer", { rott$late <- ifelse(rott$dmonths > 24 & rott$pid %% 2 == 0, 24, 0); f <- coxph(Surv(late, dmonths, death) ~ hormon + age + lnodes, rott, control = TIGHT); g <- coxph(Surv(dmonths, death) ~ hormon + age + lnodes, rott, init = coef(f), control = coxph.control(iter.max = 0)); new <- data.frame(hormon = 0, age = 55, lnodes = log1p(2)); list(with_entry = summary(survfit(f, newdata = new), times = 60)$surv, forgotten = summary(survfit(g, newdata = new), times = 60)$surv) })

# ---- standardised curves -----------------------------------------------------------------------------------------
gformula <- function(f, d, arm, values, times, w = rep(1, nrow(d))) {
  one <- function(v) { d[[arm]] <- v; s <- survfit(f, newdata = d, se.fit = FALSE); i <- findInterval(times, s$time); drop(rbind(1, s$surv)[i + 1, ] %*% w) / sum(w) }
  list(s0 = arr(one(values[1])), s1 = arr(one(values[2])))
}
gold("standard_lung", "survival::lung, complete", gformula(coxph(Surv(time, died) ~ sex + age + ph.ecog, lung, control = TIGHT), lung, "sex", c(1, 2), c(100, 365, 700)))
gold("standard_veteran", "survival::veteran", gformula(coxph(Surv(time, status) ~ trt + karno + age, vet, ties = "breslow", control = TIGHT), vet, "trt", c(1, 2), c(30, 90, 365)))
gold("standard_np_interaction", "survival::rotterdam, nodes > 0", gformula(coxph(Surv(dmonths, death) ~ hormon * lnodes + age, np, control = TIGHT), np, "hormon", c(0, 1), c(12, 60, 120)))
gold("standard_np_entry_weights", "survival::rotterdam, nodes > 0; entry, w", gformula(coxph(Surv(entry, dmonths, death) ~ hormon + lnodes + age, np, weights = w, control = TIGHT), np, "hormon", c(0, 1), c(12, 60, 120), np$w))
gold("standard_veteran_strata", "survival::veteran", { f <- coxph(Surv(time, status) ~ trt + karno + strata(cell), vet, control = TIGHT); tt <- c(30, 90, 365); one <- function(v) { s <- 0; for (k in 1:4) { d <- subset(vet, cell == k); d$trt <- v; d0 <- d; g <- survfit(f, newdata = d0[1, ], se.fit = FALSE); b <- coef(f); h <- sapply(tt, function(t) { j <- findInterval(t, g$time); if (j == 0) 0 else g$cumhaz[j] }); e <- exp((as.matrix(d[, c("trt", "karno")]) %*% b) - sum(b * unlist(d0[1, c("trt", "karno")]))); s <- s + colSums(exp(-e %*% t(h))) }; s / nrow(vet) }; list(s0 = arr(one(1)), s1 = arr(one(2))) })

# ---- proportional hazards ----------------------------------------------------------------------------------------
PH <- list(
  lung = quote(coxph(Surv(time, died) ~ age + sex + ph.ecog, lung, control = TIGHT)),
  veteran = quote(coxph(Surv(time, status) ~ trt + celltype + karno + age, vet, control = TIGHT)),
  veteran_months_strata = quote(coxph(Surv(months, status) ~ trt + karno + strata(cell), vet, control = TIGHT)),
  rotterdam_entry_strata = quote(coxph(Surv(entry, halfyears * 6 + 1, death) ~ hormon + age + lnodes + strata(stage), rott, control = TIGHT)),
  lung_entry = quote(coxph(Surv(entry, time, died) ~ age + sex + ph.ecog, lung, control = TIGHT)))
for (name in names(PH)) for (ti in c("efron", "breslow")) for (tr in c("km", "rank", "identity", "log")) {
  call <- PH[[name]]; call$ties <- ti
  eval(bquote(gold(.(paste("zph", name, ti, tr, sep = "_")), .(described(name)), mat(cox.zph(.(call), transform = .(tr))$table))))
}
varying <- function(d, time, event, arm, transform) {    # arm x g(t) in a weighted model: every row is split at every event time
  d$t <- d[[time]]; d$e <- d[[event]]; d$arm <- d[[arm]]; d$number <- seq_len(nrow(d)); cut <- sort(unique(d$t[d$e == 1]))
  g <- switch(transform, identity = identity, log = log,
    rank = { r <- rank(d$t); function(u) r[match(u, d$t)] },
    km = { k <- survfit(Surv(t, e) ~ 1, d); function(u) 1 - c(1, k$surv)[findInterval(u, k$time, left.open = TRUE) + 1] })
  s <- survSplit(Surv(t, e) ~ arm + w + number, d[, c("t", "e", "arm", "w", "number")], cut = cut); s <- s[s$t %in% cut, ]
  s$varying <- s$arm * g(s$t)
  f <- coxph(Surv(tstart, t, e) ~ arm + varying, s, weights = w, cluster = number, control = TIGHT)
  list(coef = unname(coef(f)[2]), se = sqrt(f$var[2, 2]), chisq = unname(coef(f)[2]^2) / f$var[2, 2])
}
lung$woman <- lung$sex - 1; vet$test <- vet$trt - 1
for (tr in c("km", "rank", "identity", "log")) {
  eval(bquote(gold(.(paste0("zph_weighted_lung_", tr)), "survival::lung, complete; w", varying(lung, "time", "died", "woman", .(tr)))))
  eval(bquote(gold(.(paste0("zph_weighted_veteran_", tr)), "survival::veteran; w", varying(vet, "time", "status", "test", .(tr)))))
}
save_gold("cox_after.json")
