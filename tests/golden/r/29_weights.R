# Weights for two arms, their variance, trimming, overlap and censoring weights, by plain glm, survfit and coxph.
# cd tests/golden/r && REF_OUT=../values Rscript 29_weights.R      (needs R with survival, jsonlite, numDeriv)
# What WeightIt and PSweight compute is in 05_ps_weights.R; the keys that a test uses are kept in the same file.
source("./common.R")
cat("29_weights\n"); exactly <- glm.control(epsilon = 1e-14, maxit = 100); CONTROL <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
short <- function(x) { x <- unname(x); arr(c(head(x, 20), tail(x, 5), sum(x), sum(x^2))) }       # what is kept of a value for each row
lal <- read.csv("../data/lalonde.csv"); mel <- read.csv("../data/Melanoma.csv")
pb <- subset(survival::pbc, !is.na(trt) & !is.na(ascites))
np <- subset(survival::rotterdam, nodes > 0)
sets <- list(
  lalonde = list(a = lal$treat, x = as.matrix(lal[, c("age", "educ", "married", "nodegree", "re74", "re75")]), y = lal$re78),
  veteran = list(a = as.integer(veteran$trt == 2), x = as.matrix(veteran[, c("karno", "diagtime", "age", "prior")]), y = as.numeric(veteran$time > 100)),
  Melanoma = list(a = mel$ulcer, x = as.matrix(mel[, c("sex", "age", "year", "thickness")]), y = as.numeric(mel$time > 2000)),
  pbc = list(a = pb$ascites, x = cbind(pb$age, log(pb$bili), pb$albumin), y = as.numeric(pb$time > 1500)),
  rotterdam_np = list(a = np$hormon, x = with(np, cbind(age, meno, log1p(nodes), log1p(pgr), log1p(er), chemo)), y = as.numeric(np$dtime > 1826)))
sets <- lapply(sets, function(d) { d$s <- 0.5 + (seq_along(d$a) %% 4) / 4; d })
ESTIMANDS <- c("ATE", "ATT", "ATC", "ATO", "ATM", "ATEN")
tilt <- function(e, estimand) switch(estimand, ATE = 1 + 0 * e, ATT = e, ATC = 1 - e, ATO = e * (1 - e), ATM = pmin(e, 1 - e), ATEN = -e * log(e) - (1 - e) * log(1 - e))
score <- function(d, w = rep(1, length(d$a))) { X <- cbind(1, d$x); Z <- qr.Q(qr(X)) * sqrt(nrow(X)); list(Z = Z, f = glm.fit(Z, d$a, w, family = quasibinomial(), control = exactly)) }
weigh <- function(d, e, estimand, s, stabilised = FALSE, normalised = FALSE) {
  w <- s * tilt(e, estimand) / ifelse(d$a == 1, e, 1 - e)
  if (stabilised) { p <- sum(s * d$a) / sum(s); w <- w * ifelse(d$a == 1, p, 1 - p) }
  if (normalised) for (k in 0:1) w[d$a == k] <- w[d$a == k] * sum(s[d$a == k]) / sum(w[d$a == k])
  w }
forms <- function(d) {
  one <- rep(1, length(d$a)); e <- fitted(score(d)$f); es <- fitted(score(d, d$s)$f)
  out <- lapply(ESTIMANDS, function(g) list(plain = short(weigh(d, e, g, one)), normalised = short(weigh(d, e, g, one, normalised = TRUE)), sampled = short(weigh(d, es, g, d$s)))); names(out) <- ESTIMANDS
  q <- quantile(weigh(d, e, "ATE", one), c(.02, .95))
  c(list(score = short(e)), out, list(stabilised = short(weigh(d, e, "ATE", one, TRUE)), stabilised_sampled = short(weigh(d, es, "ATE", d$s, TRUE)), truncated = short(pmin(pmax(weigh(d, e, "ATE", one), q[[1]]), q[[2]])), bounds = arr(q))) }
for (name in c("veteran", "Melanoma", "pbc")) gold(paste0("weights_", name), name, forms(sets[[name]]), "stats", "glm with epsilon 1e-14; s = 0.5 + (i mod 4) / 4")
# --- variance: score, shares and weighted sums as one system of estimating equations, differentiated by numDeriv -----------------
# theta = (score, share of treated, for the sum of w y and of w in each arm the four means); the target is the weighted sums' log:
# unlike a weighted mean they feel the scale of the weights.
stacked <- function(d, estimand, stabilised = FALSE, normalised = FALSE, s = rep(1, length(d$a))) {
  n <- length(d$a); m <- score(d, s); b <- m$f$coefficients; q <- length(b); e <- fitted(m$f); y <- d$y / sd(d$y); A <- cbind(1 - d$a, d$a)
  raw <- function(b, p) { e <- plogis(drop(m$Z %*% b)); w <- s * tilt(e, estimand) / ifelse(d$a == 1, e, 1 - e); if (stabilised) w <- w * ifelse(d$a == 1, p, 1 - p); w }
  p <- sum(s * d$a) / sum(s); w <- raw(b, p); factor <- if (normalised) colSums(A * s) / colSums(A * w) else c(1, 1)
  w <- w * drop(A %*% factor); theta <- c(b, p, factor, colMeans(A * w * y), colMeans(A * w))
  psi <- function(t) { b <- t[1:q]; w0 <- raw(b, t[q + 1]); f <- t[q + 2:3]; w <- w0 * drop(A %*% f)
    cbind(m$Z * (s * (d$a - plogis(drop(m$Z %*% b)))), s * (d$a - t[q + 1]), if (normalised) A * (s - w) else cbind(1 - f[1] + 0 * w, 1 - f[2] + 0 * w), A * w * y - rep(t[q + 4:5], each = n), A * w - rep(t[q + 6:7], each = n)) }
  B <- numDeriv::jacobian(function(t) colSums(psi(t)), theta); L <- -psi(theta) %*% t(solve(B)); L <- L[, q + 4:7]; m1 <- colMeans(A * w * y); m0 <- colMeans(A * w)
  means <- m1 / m0; D <- sweep(L[, 1:2] - sweep(L[, 3:4], 2, means, "*"), 2, m0, "/")
  list(means = arr(means), covariance = crossprod(D), log_sums = arr(log(m1)), log_sums_covariance = crossprod(sweep(L[, 1:2], 2, m1, "/")), influence = short(D[, 2] - D[, 1])) }
for (name in c("lalonde", "veteran", "pbc")) gold(paste0("stacked_", name), name, { d <- sets[[name]]; out <- lapply(ESTIMANDS, function(g) stacked(d, g)); names(out) <- ESTIMANDS
  c(out, list(stabilised = stacked(d, "ATE", TRUE), normalised = stacked(d, "ATE", FALSE, TRUE), normalised_ATM = stacked(d, "ATM", FALSE, TRUE), sampled = stacked(d, "ATE", TRUE, TRUE, d$s), sampled_ATT = stacked(d, "ATT", FALSE, FALSE, d$s))) }, c("stats", "numDeriv"), "derivatives by Richardson's extrapolation, good to about 1e-9")
# --- trimming and overlap ----------------------------------------------------------------------------------------------------
trims <- function(d) { e <- fitted(score(d)$f); a <- d$a; p <- mean(a); n <- length(a)
  g <- 1 / (e * (1 - e)); u <- sort(g, decreasing = TRUE); limit <- Inf
  if (max(g) > 2 * mean(g)) for (v in u) if (v <= 2 * mean(g[g <= v])) { limit <- 2 * mean(g[g <= v]); break }
  alpha <- if (is.finite(limit)) uniroot(function(z) 1 / (z * (1 - z)) - limit, c(1e-9, .5), tol = 1e-16)$root else 0
  f <- plogis(qlogis(e) - qlogis(p)); kept <- function(k) list(rows = arr(which(!k)), after = arr(c(sum(k & a == 0), sum(k & a == 1))))
  q <- c(quantile(e[a == 1], .05), quantile(e[a == 0], .95)); inner <- e >= max(min(e[a == 1]), min(e[a == 0])) & e <= min(max(e[a == 1]), max(e[a == 0]))
  h <- bw.nrd0(e[a == as.integer(sum(a) <= n - sum(a))]); dens <- function(k) function(z) colMeans(dnorm(outer(e[a == k], z, "-") / h)) / h
  fine <- seq(min(e) - 8 * h, max(e) + 8 * h, length.out = 4001); lower <- pmin(dens(0)(fine), dens(1)(fine))
  smooth <- function(k) { f <- density(e[a == k], bw = h); approxfun(f$x, f$y, yleft = 0, yright = 0) }; ends <- seq(min(e) - 4 * h, max(e) + 4 * h, length.out = 1001); mid <- (ends[-1] + ends[-1001]) / 2
  again <- function(k) short(fitted(score(list(a = a[k], x = d$x[k, , drop = FALSE]))$f))
  list(score = short(e), crump = c(kept(g <= limit), list(limit = limit, alpha = alpha, refitted = again(g <= limit))), symmetric_10 = kept(e >= .1 & e <= .9), symmetric_20 = kept(e >= .2 & e <= .8), sturmer = c(kept(e >= q[[1]] & e <= q[[2]]), list(bounds = arr(q), refitted = again(e >= q[[1]] & e <= q[[2]]))), walker = kept(f >= .3 & f <= .7), preference = short(f),
       equipoise = arr(c(mean((f >= .3 & f <= .7)[a == 0]), mean((f >= .3 & f <= .7)[a == 1]))), support = arr(c(max(min(e[a == 1]), min(e[a == 0])), min(max(e[a == 1]), max(e[a == 0])))), outside = kept(inner)$rows,
       c_statistic = unname(wilcox.test(round(e[a == 1], 12), round(e[a == 0], 12), exact = FALSE)$statistic) / (sum(a) * sum(1 - a)), overlap = sum(pmin(smooth(0)(mid), smooth(1)(mid))) * (ends[2] - ends[1]), overlap_exact = sum(lower[-1] + lower[-4001]) / 2 * (fine[2] - fine[1])) }
for (name in c("lalonde", "Melanoma", "pbc", "rotterdam_np")) gold(paste0("trimming_", name), name, trims(sets[[name]]), "stats")
# --- several arms: Yang et al. (2016) and Yoshida et al. (2019) written out, on chances that need no fit -----------------------
several <- function(arm, x) { k <- length(unique(arm)); u <- sapply(seq_len(k), function(j) mean(arm == j) * exp(x * (j - 1) / k)); e <- u / rowSums(u); g <- rowSums(1 / e); limit <- Inf
  if (max(g) > 2 * mean(g)) for (v in sort(g, decreasing = TRUE)) if (v <= 2 * mean(g[g <= v])) { limit <- 2 * mean(g[g <= v]); break }
  share <- as.vector(table(arm)) / length(arm); f <- sweep(e, 2, share, "/"); f <- f / rowSums(f); low <- sapply(seq_len(k), function(j) quantile(e[arm == j, j], .1 / k))
  out <- function(stay) arr(which(!stay))
  list(limit = limit, crump = out(g <= limit), symmetric = out(apply(e, 1, min) >= .2 / k), sturmer = out(apply(sweep(e, 2, low) >= 0, 1, all)), bounds = arr(low), walker = out(apply(f, 1, min) >= .6 / k), preference = short(as.vector(f))) }
gold("several_veteran", "veteran", several(as.integer(veteran$celltype), as.vector(scale(veteran$karno))), "stats")
gold("several_colon", "colon, etype 2", { d <- subset(colon, etype == 2); several(as.integer(d$rx), as.vector(scale(d$age)) * 2) }, "stats")
gold("several_mgus2", "mgus2, creat and hgb known", { d <- subset(mgus2, !is.na(creat) & !is.na(hgb)); several(findInterval(d$hgb, c(0, 11, 13, 15)), as.vector(scale(d$creat))) }, "stats")
gold("positivity_np", "rotterdam, nodes > 0", unname(table(cut(np$nodes, c(0, 3, 9, Inf)), np$hormon)), "stats")
# --- censoring: censorings are moved behind the events of the same time by a quarter of the smallest gap -------------------------
later <- function(time, event) time + ifelse(event == 0, min(diff(sort(unique(time)))) / 4, 0)
left <- function(times, values, at) c(1, values)[findInterval(at, times, left.open = TRUE) + 1]
ipcw <- function(time, event, arm, X, w, at) {
  t2 <- later(time, event); y <- pmin(time, at); known <- event == 1 | time >= at
  km <- function(arm, w) { G <- numeric(length(time)); for (k in unique(arm)) { i <- arm == k; f <- survfit(Surv(t2[i], 1 - event[i]) ~ 1, weights = w[i]); G[i] <- left(f$time, f$surv, y[i]) }; G }
  cx <- function(arm, w, ties) { f <- coxph(Surv(t2, 1 - event) ~ X + strata(arm), weights = w, ties = ties, control = CONTROL); b <- basehaz(f, centered = FALSE); r <- exp(drop(X %*% coef(f))); G <- numeric(length(time)); for (k in unique(arm)) { i <- arm == k; j <- if (is.null(b$strata)) TRUE else b$strata == k | b$strata == paste0("arm=", k); G[i] <- left(b$time[j], exp(-b$hazard[j]), y[i])^r[i] }; G }
  one <- rep(1, length(time)); all <- one * 0; G <- km(arm, one); s <- summary(survfit(Surv(time, event) ~ arm), times = at, extend = TRUE)$surv
  list(at = at, known = sum(known), km_all = short(km(all, one)), km_arm = short(G), km_weighted = short(km(arm, w)), cox = short(cx(arm, one, "efron")), cox_breslow = short(cx(arm, one, "breslow")), cox_weighted = short(cx(arm, w, "efron")),
       survival = arr(s), share = arr(tapply(known, arm, mean)), dead = arr(sapply(sort(unique(arm)), function(k) mean((ifelse(known, 1 / G, 0) * (time <= at & event == 1))[arm == k])))) }
pieces <- function(time, event, arm, X, id = seq_along(time)) {
  t2 <- later(time, event); cuts <- sort(unique(time[event == 1])); f <- coxph(Surv(t2, 1 - event) ~ X + strata(arm), control = CONTROL); b <- basehaz(f, centered = FALSE); r <- exp(drop(X %*% coef(f)))
  d <- survSplit(Surv(time, event) ~ ., data.frame(time, event, arm, id, r), cut = cuts); d$G <- d$G0 <- d$plain <- 0
  for (k in unique(arm)) { j <- b$strata == k | b$strata == paste0("arm=", k); i <- d$arm == k; h <- survfit(Surv(t2[arm == k], 1 - event[arm == k]) ~ 1); d$G[i] <- left(b$time[j], exp(-b$hazard[j]), d$time[i])^d$r[i]; d$G0[i] <- left(h$time, h$surv, d$time[i]) }
  d$w <- 1 / d$G; d$sw <- d$G0 / d$G; fit <- function(w) { d$w <- w; g <- coxph(Surv(tstart, time, event) ~ arm, d, weights = w, cluster = id, control = CONTROL); arr(c(coef(g), sqrt(g$var))) }
  list(rows = nrow(d), start = sum(d$tstart), weights = arr(colSums(cbind(d$w, d$w^2, d$sw, d$sw^2))), own = short(as.vector(tapply(d$sw, d$id, sum))), cox = fit(d$w), cox_stabilised = fit(d$sw), cox_km = fit(1 / d$G0)) }
lung$event <- lung$status - 1; lg <- subset(lung, !is.na(ph.ecog)); trial <- subset(pbc, !is.na(trt)); w <- function(n) 0.5 + (seq_len(n) %% 5) / 4
cases <- list(lung = list(lg$time, lg$event, lg$sex, cbind(lg$age, lg$ph.ecog), 365), pbc = list(trial$time, as.numeric(trial$status == 2), trial$trt, cbind(trial$age, log(trial$bili)), 2000),
              Melanoma = list(mel$time, as.numeric(mel$status == 1), mel$sex, cbind(mel$age, mel$thickness), 2000), rotterdam_np = list(np$dtime, np$death, np$hormon, with(np, cbind(age, log1p(nodes), year - 1985)), 1826))
for (name in names(cases)) { d <- cases[[name]]; gold(paste0("ipcw_", name), name, ipcw(d[[1]], d[[2]], d[[3]], d[[4]], w(length(d[[1]])), d[[5]]), "survival", "w = 0.5 + (i mod 5) / 4") }
for (name in c("lung", "pbc", "Melanoma")) { d <- cases[[name]]; gold(paste0("pieces_", name), name, pieces(d[[1]], d[[2]], d[[3]], d[[4]]), "survival", "survSplit at the event times") }
save_gold("weights.json")
