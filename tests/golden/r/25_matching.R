# References for the matching kernels that MatchIt gives no numbers for; needs R with survival, MASS, lpSolve, jsonlite:
# cd tests/golden/r && REF_OUT=../values Rscript 25_matching.R
source("./common.R"); suppressMessages({library(MASS); library(lpSolve)})
DATA <- "../data"; cat("25_matching\n")
P <- c("lpSolve", "MASS", "survival"); exactly <- glm.control(epsilon = 1e-14, maxit = 100)
lal <- rd("lalonde"); rott <- subset(survival::rotterdam, select = c(age, meno, nodes, pgr, er, hormon)); mel <- MASS::Melanoma
pb <- subset(survival::pbc, !is.na(protime) & !is.na(ascites), c(age, bili, albumin, protime, ascites, edema))
sets <- list(
  lalonde = list(t = lal$treat, x = as.matrix(lal[, c("age", "educ", "married", "nodegree", "re74", "re75")])),
  rotterdam = list(t = rott$hormon, x = as.matrix(rott[, c("age", "meno", "nodes", "pgr", "er")])),
  veteran = list(t = as.integer(veteran$trt == 2), x = as.matrix(veteran[, c("karno", "diagtime", "age", "prior")])),
  Melanoma = list(t = mel$ulcer, x = as.matrix(mel[, c("sex", "age", "year", "thickness")])),
  pbc = list(t = pb$ascites, x = as.matrix(pb[, c("age", "bili", "albumin", "protime", "edema")])))
first <- function(d, k = 6) list(t = which(d$t == 1)[seq_len(k)], c = which(d$t == 0)[seq_len(k)])
# distance of the first six treated rows (rows) from the first six controls (columns), S the matrix of the metric
metric <- function(x, S, i) { G <- solve(S, tol = 0); sapply(i$c, function(j) sapply(i$t, function(r) { d <- x[r, ] - x[j, ]; sqrt(drop(d %*% G %*% d)) })) }
pooled <- function(d) { p <- function(a) { z <- d$x[d$t == a, , drop = FALSE]; crossprod(sweep(z, 2, colMeans(z))) }; (p(0) + p(1)) / (nrow(d$x) - 2) }
mahalanobis_of <- function(d) metric(d$x, pooled(d), first(d))
scaled_euclidean_of <- function(d) metric(d$x, diag(diag(pooled(d))), first(d))
euclidean_of <- function(d) metric(d$x, diag(ncol(d$x)), first(d))
robust_of <- function(d) { r <- apply(d$x, 2, rank); S <- cov(r); k <- sd(seq_len(nrow(r))) / sqrt(diag(S)); metric(r, S * outer(k, k), first(d)) }
for (s in names(sets)) for (m in c("mahalanobis", "scaled_euclidean", "euclidean", "robust"))
  eval(bquote(gold(.(paste0(m, "_", s)), .(s), .(as.name(paste0(m, "_of")))(sets[[.(s)]]), P)))

# numbers of bins that hist() takes
bins <- function(x) list(sturges = nclass.Sturges(x), scott = nclass.scott(x), fd = nclass.FD(x))
gold("bins_lalonde", "lalonde", lapply(sets$lalonde$x |> as.data.frame(), bins), "grDevices")
gold("bins_rotterdam", "rotterdam", lapply(sets$rotterdam$x |> as.data.frame(), bins), "grDevices")
gold("bins_pbc", "pbc", lapply(sets$pbc$x |> as.data.frame(), bins), "grDevices")
gold("bins_veteran", "veteran", lapply(sets$veteran$x |> as.data.frame(), bins), "grDevices")

# strata weights from their definition, each arm scaled to its number of rows
strata_weights <- function(s, t, estimand) {
  n1 <- ave(t, s, FUN = sum); n0 <- ave(1 - t, s, FUN = sum); ok <- n1 > 0 & n0 > 0
  w <- switch(estimand, ATT = ifelse(t == 1, 1, n1 / n0), ATC = ifelse(t == 1, n0 / n1, 1), ATE = (n1 + n0) / ifelse(t == 1, n1, n0))
  w[!ok] <- 0; for (a in 0:1) w[t == a] <- w[t == a] * sum(w[t == a] > 0) / sum(w[t == a]); w }
score_of <- function(d) unname(glm(d$t ~ d$x, family = binomial, control = exactly)$linear.predictors)
subclasses <- function(d, k, estimand) {
  s <- score_of(d); q <- quantile(switch(estimand, ATT = s[d$t == 1], ATC = s[d$t == 0], ATE = s), seq(0, 1, length.out = k + 1))
  class <- findInterval(s, q, all.inside = TRUE); list(class = arr(class), weights = arr(strata_weights(class, d$t, estimand))) }
gold("subclass4_veteran_ATC", "veteran", subclasses(sets$veteran, 4, "ATC"), "stats", "every class holds both arms")
gold("subclass3_Melanoma_ATE", "Melanoma", subclasses(sets$Melanoma, 3, "ATE"), "stats", "every class holds both arms")
gold("subclass4_pbc_ATT", "pbc", subclasses(sets$pbc, 4, "ATT"), "stats", "every class holds both arms")
gold("exact_veteran_ATE", "veteran", list(weights = arr(strata_weights(interaction(veteran$celltype, veteran$prior), sets$veteran$t, "ATE"))), "stats")
gold("exact_Melanoma_ATC", "Melanoma", list(weights = arr(strata_weights(interaction(mel$sex, mel$year), mel$ulcer, "ATC"))), "stats")
equal_bins <- function(x, k) findInterval(x, c(-Inf, seq(min(x), max(x), length.out = k + 1)[2:k], Inf))
gold("cem_pbc", "pbc", { v <- c("age", "bili", "albumin"); b <- sapply(v, function(n) equal_bins(pb[[n]], nclass.FD(pb[[n]]))); list(weights = arr(strata_weights(apply(b, 1, paste, collapse = "."), pb$ascites, "ATT"))) }, "grDevices")

# least totals by linear programming
far <- function(d, score = score_of(d)) abs(outer(score[d$t == 1], score[d$t == 0], "-"))
pairs_total <- function(D, ratio = 1) { D <- D[rep(seq_len(nrow(D)), ratio), ]; if (nrow(D) > ncol(D)) D <- t(D); lp.transport(D, "min", rep("=", nrow(D)), rep(1, nrow(D)), rep("<=", ncol(D)), rep(1, ncol(D)))$objval }
cover_total <- function(D) lp.transport(D, "min", rep(">=", nrow(D)), rep(1, nrow(D)), rep(">=", ncol(D)), rep(1, ncol(D)))$objval
caliper_total <- function(D, caliper) { big <- 1000; E <- cbind(ifelse(D <= caliper, D, 10 * big), matrix(big, nrow(D), nrow(D))); a <- lp.transport(E, "min", rep("=", nrow(E)), rep(1, nrow(E)), rep("<=", ncol(E)), rep(1, ncol(E)))$solution; r <- a[, seq_len(ncol(D))] > .5; list(pairs = sum(r), total = sum(D[r])) }
gold("pairs_pbc", "pbc", list(score = arr(score_of(sets$pbc)), total = pairs_total(far(sets$pbc)), total_2 = pairs_total(far(sets$pbc), 2), total_3 = pairs_total(far(sets$pbc), 3)), P)
gold("pairs_Melanoma", "Melanoma", list(score = arr(score_of(sets$Melanoma)), total = pairs_total(far(sets$Melanoma))), P)
fewer <- function(d, k) list(total_2 = pairs_total(far(d)[seq_len(k), ], 2))
gold("pairs_2_veteran", "veteran, first 30 treated rows, score of all", fewer(sets$veteran, 30), P)
gold("pairs_2_Melanoma", "Melanoma, first 50 treated rows, score of all", fewer(sets$Melanoma, 50), P)
mahal <- function(d) { G <- solve(pooled(d), tol = 0); sapply(which(d$t == 0), function(j) sapply(which(d$t == 1), function(r) { z <- d$x[r, ] - d$x[j, ]; sqrt(drop(z %*% G %*% z)) })) }
gold("pairs_mahalanobis_pbc", "pbc", list(total = pairs_total(mahal(sets$pbc)), total_2 = pairs_total(mahal(sets$pbc), 2)), P)
gold("pairs_mahalanobis_Melanoma", "Melanoma", list(total = pairs_total(mahal(sets$Melanoma))), P)
v68 <- { d <- sets$veteran; k <- c(which(d$t == 1)[-1], which(d$t == 0)); list(t = d$t[k], x = d$x[k, ]) }
gold("pairs_mahalanobis_veteran", "veteran without its first treated row", list(total = pairs_total(mahal(v68))), P)
gold("caliper_pbc", "pbc", c(list(caliper = .3), caliper_total(far(sets$pbc), .3)), P)
gold("caliper_Melanoma", "Melanoma", c(list(caliper = .05), caliper_total(far(sets$Melanoma), .05)), P)
gold("caliper_veteran", "veteran", c(list(score = arr(score_of(sets$veteran)), caliper = .02), caliper_total(far(sets$veteran), .02)), P)
gold("full_pbc", "pbc", list(total = cover_total(far(sets$pbc)), mahalanobis = cover_total(mahal(sets$pbc))), P)
gold("full_Melanoma", "Melanoma", list(total = cover_total(far(sets$Melanoma)), mahalanobis = cover_total(mahal(sets$Melanoma))), P)
gold("full_veteran", "veteran", list(total = cover_total(far(sets$veteran)), mahalanobis = cover_total(mahal(sets$veteran))), P)
# the least cover in which a treated row has 1 to `most` controls and a control 1 to `share` treated rows
bounded_total <- function(D, most, share) {
  n <- nrow(D); m <- ncol(D); i <- rep(seq_len(n), m); j <- rep(seq_len(m), each = n); e <- seq_len(n * m)
  con <- rbind(cbind(i, e, 1), cbind(n + j, e, 1), cbind(n + m + i, e, 1), cbind(2 * n + m + j, e, 1))
  lp("min", as.vector(D), dense.const = con, const.dir = c(rep(">=", n + m), rep("<=", n + m)), const.rhs = c(rep(1, n + m), rep(most, n), rep(share, m)))$objval }
gold("bounded_pbc", "pbc", list(total = bounded_total(far(sets$pbc), 15, 2)), P)
gold("bounded_veteran", "veteran", list(total = bounded_total(far(sets$veteran), 2, 2)), P)
gold("bounded_Melanoma", "Melanoma", list(total = bounded_total(far(sets$Melanoma), 2, 2)), P)
# the largest sample of as many treated rows as controls with all differences of means within `tol` pooled deviations
largest <- function(d, tol) {
  s <- sqrt((apply(d$x[d$t == 1, ], 2, var) + apply(d$x[d$t == 0, ], 2, var)) / 2); z <- sweep(scale(d$x, scale = FALSE), 2, s, "/"); a <- ifelse(d$t == 1, 1, -1)
  up <- t(z * a - tol * (d$t == 1)); low <- t(z * a + tol * (d$t == 1))
  lp("max", d$t, rbind(a, up, low), c("=", rep("<=", nrow(up)), rep(">=", nrow(low))), rep(0, 1 + 2 * nrow(up)), all.bin = TRUE)$objval }
some <- function(d, k) { i <- c(head(which(d$t == 1), k), head(which(d$t == 0), k)); list(t = d$t[i], x = d$x[i, ]) }
gold("largest_pbc", "pbc, first 24 of each arm", list(tenth = largest(some(sets$pbc, 24), .1), quarter = largest(some(sets$pbc, 24), .25)), P)
gold("largest_Melanoma", "Melanoma, first 20 of each arm", list(tenth = largest(some(sets$Melanoma, 20), .1), quarter = largest(some(sets$Melanoma, 20), .25)), P)
gold("largest_veteran", "veteran, first 24 of each arm", list(tenth = largest(some(sets$veteran, 24), .1), quarter = largest(some(sets$veteran, 24), .25)), P)
save_gold("matching_kernels.json")
