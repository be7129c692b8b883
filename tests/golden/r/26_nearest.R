# References for nearest-neighbour matching beside MatchIt's: the greedy rule written out over the whole matrix of distances.
# cd tests/golden/r && REF_OUT=../values Rscript 26_nearest.R      (needs R with survival, MASS, jsonlite)
source("./common.R"); suppressMessages(library(MASS))
DATA <- "../data"; cat("26_nearest\n")
P <- c("stats", "MASS", "survival"); exactly <- glm.control(epsilon = 1e-14, maxit = 100)
mel <- MASS::Melanoma; pb <- subset(survival::pbc, !is.na(protime) & !is.na(ascites), c(age, bili, albumin, protime, ascites, edema))
sets <- list(
  veteran = list(t = as.integer(veteran$trt == 2), x = as.matrix(veteran[, c("karno", "diagtime", "age", "prior")]), label = veteran$celltype),
  Melanoma = list(t = mel$ulcer, x = as.matrix(mel[, c("sex", "age", "year", "thickness")]), label = mel$sex),
  pbc = list(t = pb$ascites, x = as.matrix(pb[, c("age", "bili", "albumin", "protime", "edema")]), label = pb$edema))
score_of <- function(d) unname(glm(d$t ~ d$x, family = binomial, control = exactly)$linear.predictors)
pooled <- function(d) { p <- function(a) { z <- d$x[d$t == a, , drop = FALSE]; crossprod(sweep(z, 2, colMeans(z))) }; (p(0) + p(1)) / (nrow(d$x) - 2) }
mahal <- function(d) { G <- solve(pooled(d), tol = 0); sapply(which(d$t == 0), function(j) sapply(which(d$t == 1), function(r) { z <- d$x[r, ] - d$x[j, ]; sqrt(drop(z %*% G %*% z)) })) }
far <- function(d) { s <- score_of(d); abs(outer(s[d$t == 1], s[d$t == 0], "-")) }
# D treated by control, infinite where forbidden; rounds of one control to each treated row, in turn or the closest pair first
greedy <- function(D, turn, ratio = 1, replace = FALSE) {
  links <- NULL
  for (k in seq_len(ratio)) { waiting <- turn
    while (length(waiting) && any(is.finite(D[waiting, ]))) {
      i <- if (is.null(names(turn))) waiting[1] else waiting[which.min(apply(D[waiting, , drop = FALSE], 1, min))]
      j <- which.min(D[i, ]); waiting <- setdiff(waiting, i)
      if (is.finite(D[i, j])) { links <- rbind(links, c(i, j, D[i, j])); if (replace) D[i, j] <- Inf else D[, j] <- Inf } } }
  control <- table(links[, 2]); size <- table(links[, 1])
  w <- tapply(1 / as.vector(size[as.character(links[, 1])]), links[, 2], sum); w <- w * length(w) / sum(w)
  list(distance = arr(sort(links[, 3])), treated = length(size), controls = length(control), ess = sum(w)^2 / sum(w^2)) }
closest <- function(n) setNames(seq_len(n), seq_len(n))
within <- function(D, allowed) { D[!allowed] <- Inf; D }
same <- function(d, f) outer(f[d$t == 1], f[d$t == 0], "==")
forms <- function(d) {
  s <- score_of(d); D <- far(d); t <- s[d$t == 1]; largest <- order(-t); caliper <- 0.2 * sd(s); near <- within(D, D <= caliper)
  age <- abs(outer(d$x[d$t == 1, "age"], d$x[d$t == 0, "age"], "-")); M <- mahal(d)
  list(score = arr(s), caliper = caliper, largest = greedy(near, largest), smallest = greedy(near, order(t)), closest = greedy(near, closest(length(t))),
       ratio_2 = greedy(near, largest, 2), ratio_3_closest = greedy(near, closest(length(t)), 3), replacement = greedy(near, largest, 1, TRUE),
       replacement_3 = greedy(D, largest, 3, TRUE), exact = greedy(within(near, same(d, d$label)), largest), anti_exact = greedy(within(near, !same(d, d$label)), largest),
       age_5 = greedy(within(near, age <= 5), largest), mahalanobis = greedy(within(M, D <= caliper), largest),
       mahalanobis_closest = greedy(within(M, D <= caliper), closest(length(t)), 2), mahalanobis_replacement_2 = greedy(M, largest, 2, TRUE)) }
gold("nearest_veteran", "veteran", forms(sets$veteran), P)
gold("nearest_Melanoma", "Melanoma", forms(sets$Melanoma), P)
gold("nearest_pbc", "pbc", forms(sets$pbc), P)
save_gold("nearest_kernels.json")
