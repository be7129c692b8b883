# Propensity scores and balancing weights whose packages are not at hand, from their equations: each is solved by
# nleqslv (Newton) to the limit of double precision. Columns are standardised for the solver alone; results are those
# of the columns as they are. Needs survival, MASS, nleqslv, jsonlite; in this folder:
# REF_OUT=../values Rscript 28_scores.R
source("./common.R"); suppressMessages({library(MASS); library(nleqslv); library(splines)})
DATA <- "../data"; cat("28_scores\n")
P <- c("nleqslv", "survival"); exactly <- glm.control(epsilon = 1e-14, maxit = 100)
lal <- rd("lalonde"); mel <- MASS::Melanoma; vet <- survival::veteran; sex2 <- rd("sex2")
np <- subset(survival::rotterdam, nodes > 0); pb <- subset(survival::pbc, !is.na(protime) & !is.na(hepato))
sets <- list(
  lalonde = list(t = lal$treat, x = model.matrix(~ age + educ + race + married + nodegree + re74 + re75, transform(lal, race = factor(race)))[, -1]),
  rotterdam_np = list(t = np$hormon, x = with(np, cbind(age, meno, size == "20-50", size == ">50", grade == 3, log1p(nodes), log1p(pgr), log1p(er), chemo))),
  veteran = list(t = as.integer(vet$trt == 2), x = as.matrix(vet[, c("karno", "diagtime", "age", "prior")])),
  Melanoma = list(t = mel$ulcer, x = as.matrix(mel[, c("sex", "age", "year", "thickness")])),
  pbc = list(t = pb$hepato, x = as.matrix(pb[, c("age", "bili", "albumin", "protime", "edema")])),
  sex2 = list(t = sex2$case, x = as.matrix(sex2[, c("age", "oc", "vic", "vicl", "vis", "dia")])))
sets <- lapply(sets, function(d) { d$x <- unname(d$x) + 0; d$z <- cbind(1, scale(d$x)); d$x <- cbind(1, d$x); d$w <- 1 + (seq_along(d$t) %% 3) / 2; d })
root <- function(start, f) { s <- nleqslv(start, f, control = list(ftol = 1e-13, xtol = 1e-15, maxit = 500)); s <- nleqslv(s$x, f, control = list(ftol = 1e-15, xtol = 1e-16)); stopifnot(max(abs(f(s$x))) < 1e-10); s$x }
coefs <- function(d, b) { s <- apply(d$x[, -1], 2, sd); m <- colMeans(d$x[, -1]); unname(c(b[1] - sum(m / s * b[-1]), b[-1] / s)) }
fit_of <- function(d, b) list(coef = arr(coefs(d, b)), fitted_head = arr(head(plogis(drop(d$z %*% b)), 20)))
glm_of <- function(d, w = rep(1, length(d$t))) unname(suppressWarnings(glm(d$t ~ d$z - 1, family = binomial, weights = w, control = exactly))$coefficients)
n_of <- function(d) rep(0, ncol(d$z))

# maximum likelihood and its sandwich (HC0), with and without case weights
ml <- function(d, w) { b <- root(glm_of(d, w), function(b) drop(t(d$z) %*% (w * (d$t - plogis(drop(d$z %*% b))))) / sum(w))
  e <- plogis(drop(d$z %*% b)); B <- solve(crossprod(d$z * sqrt(w * e * (1 - e)))); V <- B %*% crossprod(d$z * (w * (d$t - e))) %*% B
  L <- sapply(seq_along(b), function(j) coefs(d, replace(0 * b, j, 1))); V <- L %*% V %*% t(L)
  c(fit_of(d, b), list(robust_se = arr(sqrt(diag(V))))) }
# Firth's score
firth <- function(d, w) { X <- d$z; U <- function(b) { e <- plogis(drop(X %*% b)); v <- w * e * (1 - e); h <- rowSums((X %*% solve(crossprod(X * sqrt(v)))) * X) * v; drop(t(X) %*% (w * (d$t - e) + h * (.5 - e))) / sum(w) }
  fit_of(d, root(n_of(d), U)) }
# the log-likelihood less half the penalty times squared coefficients of columns of unit standard deviation (n - 1)
ridge <- function(d, w, penalty) fit_of(d, root(n_of(d), function(b) (drop(t(d$z) %*% (w * (d$t - plogis(drop(d$z %*% b))))) - penalty * c(0, b[-1])) / sum(w)))
# Imai and Ratkovic's balance
residual <- function(t, e, estimand) switch(estimand, ATE = t / e - (1 - t) / (1 - e), ATT = t - (1 - t) * e / (1 - e), ATC = t * (1 - e) / e - (1 - t))
just <- function(d, w, estimand) fit_of(d, root(glm_of(d, w), function(b) drop(t(d$z) %*% (w * residual(d$t, plogis(drop(d$z %*% b)), estimand))) / sum(w)))
over <- function(d, w, estimand, first) {
  X <- d$z; q <- ncol(X); n <- sum(w); S <- function(v) crossprod(X * (w * v), X) / n
  g <- function(b) { e <- plogis(drop(X %*% b)); c(t(X) %*% (w * (d$t - e)), t(X) %*% (w * residual(d$t, e, estimand))) / n }
  V <- function(b) { e <- plogis(drop(X %*% b)); k <- switch(estimand, ATE = list(1, 1 / (e * (1 - e))), ATT = list(e, e / (1 - e)), ATC = list(1 - e, (1 - e) / e))
    rbind(cbind(S(e * (1 - e)), S(k[[1]])), cbind(S(k[[1]]), S(k[[2]]))) }
  D <- function(b) { e <- plogis(drop(X %*% b)); s <- switch(estimand, ATE = d$t * (1 - e) / e + (1 - d$t) * e / (1 - e), ATT = (1 - d$t) * e / (1 - e), ATC = d$t * (1 - e) / e); -rbind(S(e * (1 - e)), S(s)) }
  b0 <- glm_of(d, w); k <- seq_len(q)
  least <- switch(first, criterion = function(a) { h <- g(a * b0); drop(h %*% solve(V(a * b0), h)) }, balance = function(a) { h <- g(a * b0)[-k]; drop(h %*% solve(S(1), h)) }, likelihood = NULL)
  a <- if (is.null(least)) 1 else optimize(least, c(.8, 1.1), tol = 1e-12)$minimum
  if (min(abs(a - c(.8, 1.1))) < 1e-6) a <- round(a, 1)
  W <- solve(V(a * b0)); near <- optim(b0, function(b) drop(t(g(b)) %*% W %*% g(b)), function(b) drop(2 * t(D(b)) %*% W %*% g(b)), method = "BFGS", control = list(maxit = 5000, reltol = 1e-15))$par
  b <- root(near, function(b) drop(t(D(b)) %*% W %*% g(b)))
  c(fit_of(d, b), list(criterion = drop(g(b) %*% W %*% g(b)), factor = a)) }
# inverse probability tilting: each arm's totals are all patients' (ATE) or the other arm's
tilt <- function(d, w, estimand) {
  X <- d$z; n <- sum(w); one <- d$t == 1
  b1 <- root(glm_of(d, w), function(b) drop(t(X) %*% (w * (d$t / plogis(drop(X %*% b)) - 1))) / n)
  b0 <- root(glm_of(d, w), function(b) drop(t(X) %*% (w * ((1 - d$t) / plogis(-drop(X %*% b)) - 1))) / n)
  e1 <- plogis(drop(X %*% b1)); e0 <- plogis(drop(X %*% b0))
  list(weights = arr(w * switch(estimand, ATE = ifelse(one, 1 / e1, 1 / (1 - e0)), ATT = ifelse(one, 1, e0 / (1 - e0)), ATC = ifelse(one, (1 - e1) / e1, 1)))) }
# entropy balancing: minimise log sum w exp((z - m) b), z the columns and their powers; arms weigh what they did
entropy <- function(d, w, estimand, moments) {
  y <- d$z[, -1]; u <- apply(y, 2, function(v) length(unique(v))); Z <- y
  for (k in seq_len(moments)[-1]) Z <- cbind(Z, scale(y[, u > k, drop = FALSE]^k))
  target <- switch(estimand, ATE = rep(TRUE, nrow(Z)), ATT = d$t == 1, ATC = d$t == 0); m <- colSums(w[target] * Z[target, ]) / sum(w[target]); out <- w
  for (arm in 0:1) { i <- d$t == arm; if (identical(i, target)) next
    C <- sweep(Z[i, ], 2, m); dual <- function(b) { v <- w[i] * exp(drop(C %*% b)); drop(t(C) %*% v) / sum(v) }
    start <- optim(rep(0, ncol(C)), function(b) { s <- drop(C %*% b); max(s) + log(sum(w[i] * exp(s - max(s)))) }, dual, method = "BFGS", control = list(maxit = 5000, reltol = 1e-13))$par
    b <- root(start, dual); v <- w[i] * exp(drop(C %*% b)); out[i] <- v / sum(v) * sum(w[i]) }
  list(weights = arr(out)) }

unit <- function(d) rep(1, length(d$t))
for (s in c("lalonde", "rotterdam_np", "veteran", "Melanoma")) eval(bquote({
  gold(.(paste0("logistic_", s)), .(s), ml(sets[[.(s)]], unit(sets[[.(s)]])), P)
  gold(.(paste0("logistic_weighted_", s)), .(s), ml(sets[[.(s)]], sets[[.(s)]]$w), P, "w = 1 + (i %% 3) / 2")
  gold(.(paste0("firth_", s)), .(s), firth(sets[[.(s)]], unit(sets[[.(s)]])), P)
  gold(.(paste0("firth_weighted_", s)), .(s), firth(sets[[.(s)]], sets[[.(s)]]$w), P, "w = 1 + (i %% 3) / 2")
  gold(.(paste0("ridge_2_", s)), .(s), ridge(sets[[.(s)]], unit(sets[[.(s)]]), 2), P)
  gold(.(paste0("ridge_20_weighted_", s)), .(s), ridge(sets[[.(s)]], sets[[.(s)]]$w, 20), P, "w = 1 + (i %% 3) / 2") }))
gold("firth_weighted_sex2", "sex2", firth(sets$sex2, sets$sex2$w), P, "w = 1 + (i %% 3) / 2; quasi-separated")
gold("ridge_2_sex2", "sex2", ridge(sets$sex2, unit(sets$sex2), 2), P, "quasi-separated")
for (s in c("lalonde", "veteran", "Melanoma")) for (e in c("ATE", "ATT", "ATC")) eval(bquote({
  gold(.(paste("just", s, e, sep = "_")), .(s), just(sets[[.(s)]], unit(sets[[.(s)]]), .(e)), P)
  gold(.(paste("just_weighted", s, e, sep = "_")), .(s), just(sets[[.(s)]], sets[[.(s)]]$w, .(e)), P, "w = 1 + (i %% 3) / 2")
  gold(.(paste("tilting", s, e, sep = "_")), .(s), tilt(sets[[.(s)]], unit(sets[[.(s)]]), .(e)), P)
  gold(.(paste("entropy", s, e, sep = "_")), .(s), entropy(sets[[.(s)]], unit(sets[[.(s)]]), .(e), 1), P)
  gold(.(paste("entropy_weighted", s, e, sep = "_")), .(s), entropy(sets[[.(s)]], sets[[.(s)]]$w, .(e), 1), P, "w = 1 + (i %% 3) / 2") }))
# (in veteran, randomised, likelihood and balance say nearly the same: their covariance is singular to 1e-8)
for (s in c("lalonde", "pbc", "Melanoma")) for (e in c("ATE", "ATT", "ATC")) for (f in c("criterion", "balance", "likelihood")) eval(bquote(
  gold(.(paste("over", f, s, e, sep = "_")), .(s), over(sets[[.(s)]], unit(sets[[.(s)]]), .(e), .(f)), P)))
gold("just_rotterdam_np_ATE", "rotterdam_np", just(sets$rotterdam_np, unit(sets$rotterdam_np), "ATE"), P)
gold("over_criterion_rotterdam_np_ATE", "rotterdam_np", over(sets$rotterdam_np, unit(sets$rotterdam_np), "ATE", "criterion"), P)
gold("over_weighted_lalonde_ATE", "lalonde", over(sets$lalonde, sets$lalonde$w, "ATE", "criterion"), P, "w = 1 + (i %% 3) / 2")
gold("tilting_weighted_veteran_ATE", "veteran", tilt(sets$veteran, sets$veteran$w, "ATE"), P, "w = 1 + (i %% 3) / 2")
gold("tilting_rotterdam_np_ATE", "rotterdam_np", tilt(sets$rotterdam_np, unit(sets$rotterdam_np), "ATE"), P)
for (s in c("lalonde", "veteran", "Melanoma")) for (k in if (s == "veteran") 2 else 2:3) eval(bquote(gold(.(paste0("entropy_moments", k, "_", s)), .(s), entropy(sets[[.(s)]], unit(sets[[.(s)]]), "ATT", .(k)), P)))
gold("entropy_rotterdam_np_ATE", "rotterdam_np", entropy(sets$rotterdam_np, unit(sets$rotterdam_np), "ATE", 1), P)

# bent and multiplied columns in a score
gold("terms_veteran", "veteran", list(fitted = arr(fitted(glm(trt == 2 ~ ns(age, df = 3) + karno * prior + I(diagtime^2) + diagtime, binomial, vet, control = exactly)))), c("splines", "survival"))
gold("terms_Melanoma", "MASS::Melanoma", list(fitted = arr(fitted(glm(ulcer ~ ns(thickness, df = 2) + sex * age + year + sex:age:thickness, binomial, mel, control = exactly)))), c("splines", "MASS"))
save_gold("scores.json")
