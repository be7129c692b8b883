# Several weighted arms: multinomial scores, generalised weights, hazard ratios of all pairs, the 2 x 2 interaction,
# survival, and balance over the pairs. Needs R with survival, nnet, numDeriv, jsonlite:
# cd tests/golden/r && REF_OUT=../values Rscript 30_several_arms.R
source("./common.R"); suppressMessages({library(nnet); library(numDeriv)})
cat("30_several_arms\n")
exact_fit <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 40)
lung <- subset(survival::lung, !is.na(ph.ecog) & !is.na(wt.loss) & ph.ecog < 3)
colon <- subset(survival::colon, etype == 2 & !is.na(nodes) & !is.na(differ))
rott <- survival::rotterdam; rott$lnodes <- log1p(rott$nodes); rott <- subset(rott, nodes > 0)
pbc <- subset(survival::pbc, !is.na(stage) & !is.na(trt)); pbc$stage <- pmax(pbc$stage, 2)
# arm 0, ..., k - 1; x without intercept; t, s
COHORTS <- list(
  veteran = with(survival::veteran, list(arm = as.integer(celltype) - 1, x = cbind(trt - 1, karno, age), t = time, s = status, at = 100)),
  colon = with(colon, list(arm = as.integer(rx) - 1, x = cbind(age, sex, nodes, differ == 3, obstruct, surg), t = time, s = status, at = 1500)),
  lung = with(lung, list(arm = ph.ecog, x = cbind(age, sex, wt.loss), t = time, s = status - 1, at = 365)),
  pbc = with(pbc, list(arm = stage - 2, x = cbind(age, log(bili), albumin, sex == "f"), t = time, s = as.integer(status == 2), at = 2500)),
  rotterdam = with(rott, list(arm = chemo + 2 * hormon, x = cbind(age, meno, grade == 3, lnodes), t = dtime, s = death, at = 1826.25)))
FROM <- c(veteran = "survival::veteran, arms by celltype", colon = "survival::colon, deaths, arms by rx", lung = "survival::lung, arms by ph.ecog 0 to 2",
  pbc = "survival::pbc, randomised, arms by stage 1-2, 3, 4", rotterdam = "survival::rotterdam, node-positive, arms by chemo + 2 hormon")

# Newton's method for the multinomial log-likelihood less L times the sum over arms of squares of centred slopes on
# columns of unit standard deviation; w case weights. nnet's own optimiser stops early, so it only checks the start.
score <- function(d, w = rep(1, length(d$arm)), L = 0) {
  X <- cbind(1, d$x); k <- max(d$arm) + 1; m <- ncol(X); n <- nrow(X); q <- (k - 1) * m; Y <- outer(d$arm, 1:(k - 1), "==") + 0
  K <- 2 * L * kronecker(diag(k - 1) - 1 / k, diag(c(0, apply(d$x, 2, var)), m)); b <- numeric(q)
  for (i in 1:200) {
    E <- exp(X %*% matrix(b, m)); P <- E / (1 + rowSums(E))
    g <- as.vector(t(X) %*% (w * (Y - P))) - drop(K %*% b); H <- K
    for (u in 1:(k - 1)) for (v in 1:(k - 1)) { r <- (u - 1) * m + 1:m; c <- (v - 1) * m + 1:m; H[r, c] <- H[r, c] + t(X) %*% (X * (w * P[, u] * ((u == v) - P[, v]))) }
    move <- solve(H, g); b <- b + move; if (max(abs(move) / (1 + abs(b))) < 1e-14) break }
  E <- exp(X %*% matrix(b, m)); P <- E / (1 + rowSums(E)); P <- cbind(1 - rowSums(P), P)
  U <- do.call(cbind, lapply(1:(k - 1), function(u) X * (w * (Y[, u] - P[, u + 1])))); inf <- U %*% solve(H)
  list(coef = t(matrix(b, m)), covariance = solve(H), influence = inf, prob = P, loglik = sum(w * log(P[cbind(1:n, d$arm + 1)]))) }
case <- function(d) 0.5 + (seq_along(d$arm) %% 5) / 4
weight <- function(P, arm, estimand, focal = NULL) { h <- switch(estimand, ATE = 1, ATT = P[, focal + 1], ATO = 1 / rowSums(1 / P), ATM = apply(P, 1, min), ATEN = -rowSums(P * log(P)))
  h / P[cbind(seq_along(arm), arm + 1)] }
TARGETS <- list(ATE = list("ATE"), ATT = list("ATT", 1), ATO = list("ATO"), ATM = list("ATM"), ATEN = list("ATEN"))
weights_of <- function(d, P) lapply(TARGETS, function(a) { w <- do.call(weight, c(list(P, d$arm), a)); list(first = arr(w[1:20]), sum = sum(w), squares = sum(w^2)) })
scored <- function(n, ...) { d <- COHORTS[[n]]; f <- score(d, ...); list(coef = unname(f$coef), loglik = f$loglik, se = arr(sqrt(diag(f$covariance))), robust_se = arr(sqrt(colSums(f$influence^2))), prob = unname(f$prob[1:20, ]), weights = weights_of(d, f$prob)) }
nnet_of <- function(n) { d <- COHORTS[[n]]; k <- max(d$arm) + 1; z <- scale(d$x); f <- multinom(factor(d$arm) ~ z, trace = FALSE, maxit = 1e4, reltol = 1e-16, abstol = 1e-16)
  stopifnot(max(abs(fitted(f)[, k] - score(d)$prob[, k])) < 1e-5); list(loglik = as.numeric(logLik(f))) }

# All pairs of one weighted Cox model: fixed-weight robust, and stacked by numerical derivatives of the whole chain in
# the score's coefficients; the same for weighted survival at a time.
PAIRS <- function(k) combn(0:(k - 1), 2)
cox_of <- function(d, w, ties = "efron") { a <- factor(d$arm); suppressWarnings(coxph(Surv(t, s) ~ a, data.frame(t = d$t, s = d$s, a = a), weights = w, robust = TRUE, ties = ties, control = exact_fit)) }
wald <- function(b, V, M) { v <- drop(M %*% b); se <- sqrt(diag(M %*% V %*% t(M))); p <- 2 * pnorm(-abs(v / se)); list(value = arr(v), se = arr(se), p = arr(p), holm = arr(p.adjust(p, "holm"))) }
matrix_of <- function(k) { M <- t(apply(PAIRS(k), 2, function(z) { r <- numeric(k); r[z + 1] <- c(-1, 1); r })); M }
probability <- function(X, b, k) { E <- exp(X %*% matrix(b, ncol(X))); P <- E / (1 + rowSums(E)); cbind(1 - rowSums(P), P) }
# the derivative of an estimate by the score's coefficients: by weights, through the (exact) influence of each row
through <- function(d, U, target) { f <- score(d); X <- cbind(1, d$x); k <- max(d$arm) + 1; s <- apply(X, 2, function(z) max(abs(z)))
  D <- jacobian(function(b) do.call(weight, c(list(probability(t(t(X) / s), b, k), d$arm), target)), as.vector(t(f$coef) * s)); D <- t(t(D) * rep(s, k - 1)); f$influence %*% (t(D) %*% U) }
hazards <- function(n, target, ties = "efron") { d <- COHORTS[[n]]; k <- max(d$arm) + 1; w <- do.call(weight, c(list(score(d)$prob, d$arm), target))
  f <- cox_of(d, w, ties); own <- residuals(f, "dfbeta"); own <- as.matrix(own); stopifnot(isTRUE(all.equal(crossprod(own), vcov(f), check.attributes = FALSE, tolerance = 1e-10)))
  V <- crossprod(own + through(d, own / w, target)); M <- matrix_of(k)[, -1, drop = FALSE]
  o <- list(coef = arr(coef(f)), fixed = wald(coef(f), vcov(f), M), stacked = wald(coef(f), V, M), rscore = as.numeric(f$rscore), rscore_p = pchisq(as.numeric(f$rscore), k - 1, lower.tail = FALSE))
  if (k == 4) { I <- rbind(c(-1, -1, 1)); o$interaction <- list(fixed = wald(coef(f), vcov(f), I), stacked = wald(coef(f), V, I)) }
  o }
# what each row, weight included, moves survival at a time by: R's influence of survfit
moves <- function(d, w) { k <- max(d$arm) + 1; own <- matrix(0, length(w), k); S <- numeric(k)
  for (a in 0:(k - 1)) { r <- d$arm == a; e <- data.frame(t = d$t[r], s = d$s[r], w = w[r], id = seq_len(sum(r))); f <- survfit(Surv(t, s) ~ 1, e, weights = w, id = id, influence = TRUE)
    j <- max(which(f$time <= d$at)); own[r, a + 1] <- f$influence.surv[, j]; S[a + 1] <- f$surv[j] }
  list(own = own, surv = S) }
curves <- function(n, target) { d <- COHORTS[[n]]; w <- do.call(weight, c(list(score(d)$prob, d$arm), target)); k <- max(d$arm) + 1; m <- moves(d, w); V <- crossprod(m$own); W <- crossprod(m$own + through(d, m$own / w, target))
  list(surv = arr(m$surv), fixed_se = arr(sqrt(diag(V))), stacked_se = arr(sqrt(diag(W))), fixed = wald(m$surv, V, matrix_of(k)), stacked = wald(m$surv, W, matrix_of(k))) }
balance <- function(n) { d <- COHORTS[[n]]; k <- max(d$arm) + 1; w <- weight(score(d)$prob, d$arm, "ATE"); s <- sqrt(rowMeans(sapply(0:(k - 1), function(a) apply(d$x[d$arm == a, , drop = FALSE], 2, var))))
  mean_of <- function(w) sapply(0:(k - 1), function(a) colSums(w[d$arm == a] * d$x[d$arm == a, , drop = FALSE]) / sum(w[d$arm == a]))
  smd <- function(w) { m <- mean_of(w); t(apply(PAIRS(k), 2, function(z) (m[, z[2] + 1] - m[, z[1] + 1]) / s)) }
  list(scale = arr(s), before = unname(smd(rep(1, length(w)))), after = unname(smd(w)), largest = arr(apply(abs(smd(w)), 2, max)), ess = arr(tapply(w, d$arm, function(z) sum(z)^2 / sum(z^2)))) }

V <- c("survival", "nnet", "numDeriv")
put <- function(key, n, call, ...) eval(bquote(gold(.(paste0(key, "_", n)), .(FROM[[n]]), .(call), ...)))
for (.n in names(COHORTS)) {
  put("score", .n, bquote(scored(.(.n))), note = "Newton's method of the script, which nnet's multinom confirms to 1e-5 of a probability")
  put("score_weighted", .n, bquote(scored(.(.n), w = case(COHORTS[[.(.n)]]))))
  put("score_ridge", .n, bquote(scored(.(.n), L = 2)))
  put("nnet", .n, bquote(nnet_of(.(.n))), pkgs = "nnet")
  put("balance", .n, bquote(balance(.(.n))))
  for (.e in names(TARGETS)) {
    put(paste0("hazards_", .e), .n, bquote(hazards(.(.n), TARGETS[[.(.e)]])), pkgs = V)
    put(paste0("survival_", .e), .n, bquote(curves(.(.n), TARGETS[[.(.e)]])), pkgs = V)
  }
  put("hazards_breslow", .n, bquote(hazards(.(.n), TARGETS[["ATE"]], "breslow")), pkgs = V)
}
save_gold("several_arms.json")
