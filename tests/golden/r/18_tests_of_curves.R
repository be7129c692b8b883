# Tests of survival curves: weighted log-rank under late entry, robust tests, trend, pairs, MaxCombo; needs R with
# survival, survey, mvtnorm and jsonlite:
# cd tests/golden/r && REF_OUT=../values Rscript 18_tests_of_curves.R
source("./common.R")
suppressMessages({library(survey); library(mvtnorm)})
cat("18_tests_of_curves\n")
V <- c("survival", "survey"); M <- c("survival", "mvtnorm")

# The same columns for every data set: t time, s event, g arm (0/1), k groups, c centre, e entry, w case weights.
cohort <- function(t, s, g, k) { n <- seq_along(t); data.frame(t = t, s = as.integer(s), g = g, k = k, c = n %% 4, e = ifelse(n %% 3 == 0, floor(t / 2), 0), w = 0.5 + (n %% 5) / 4, u = t + n / 1e4, m = n %% 40) }
Lung <- subset(survival::lung, !is.na(ph.ecog)); Pbc <- subset(survival::pbc, !is.na(trt)); Colon <- subset(survival::colon, etype == 2); Rott <- survival::rotterdam
COHORTS <- list(
  aml = with(survival::aml, cohort(time, status, as.integer(x == "Nonmaintained"), as.integer(x == "Nonmaintained"))),
  lung = with(Lung, cohort(time, status == 2, sex - 1, ph.ecog)),
  veteran = with(survival::veteran, cohort(time, status, trt - 1, as.integer(celltype) - 1)),
  pbc = with(Pbc, cohort(time, status == 2, trt - 1, stage)),
  colon = with(Colon, cohort(time, status, as.integer(rx == "Lev+5FU"), as.integer(rx) - 1)),
  rotterdam = with(Rott, cohort(dtime, death, hormon, chemo + 2 * hormon)))
FROM <- list(aml = "aml", lung = "lung, ph.ecog known", veteran = "veteran", pbc = "pbc, trt known", colon = "colon, etype 2", rotterdam = "rotterdam")
for (.nm in names(COHORTS)) assign(.nm, COHORTS[[.nm]])

# Weighted log-rank test as defined, with late entry and strata; K groups. FH: S(t-)^p (1 - S(t-))^q.
wlr <- function(d, group = d$g, entry = 0 * d$t, strata = rep(1, nrow(d)), kind = "FH", p = 0, q = 0) {
  g <- factor(group); K <- nlevels(g); O <- E <- numeric(K); V <- matrix(0, K, K)
  for (s in unique(strata)) { ii <- strata == s; tt <- d$t[ii]; dd <- d$s[ii]; ee <- entry[ii]; gg <- g[ii]; S <- 1; St <- 1
    for (u in sort(unique(tt[dd == 1]))) { ar <- tt >= u & ee < u; n <- sum(ar); nj <- tabulate(gg[ar], K); dj <- tabulate(gg[tt == u & dd == 1], K); x <- sum(dj); St <- St * (1 - x / (n + 1))
      w <- switch(kind, FH = S^p * (1 - S)^q, gehan = n, "tarone-ware" = sqrt(n), "peto-peto" = S, "peto-peto-plus-one" = St, andersen = St * n / (n + 1))
      O <- O + w * dj; E <- E + w * x * nj / n; if (n > 1) V <- V + w^2 * x * (n - x) / (n - 1) * (diag(nj / n, K) - outer(nj / n, nj / n))
      S <- S * (1 - x / n) } }
  U <- (O - E)[-K]; x <- drop(U %*% solve(V[-K, -K, drop = FALSE], U))
  list(obs = arr(O), exp = arr(E), var = unname(V), chisq = x, df = K - 1, p = pchisq(x, K - 1, lower.tail = FALSE)) }
stopifnot(all.equal(wlr(lung, p = 1)$chisq, survdiff(Surv(t, s) ~ g, data = lung, rho = 1)$chisq), all.equal(wlr(veteran, veteran$k, strata = veteran$c)$chisq, survdiff(Surv(t, s) ~ k + strata(c), data = veteran)$chisq))
KINDS <- c("gehan", "tarone-ware", "peto-peto", "peto-peto-plus-one", "andersen")
family <- function(...) { o <- lapply(setNames(KINDS, KINDS), function(kind) wlr(..., kind = kind)); c(o, list(fh_0_0 = wlr(...), fh_1_0 = wlr(..., p = 1), fh_0_1 = wlr(..., q = 1), fh_05_2 = wlr(..., p = .5, q = 2))) }
put <- function(key, nm, call, ...) eval(bquote(gold(.(paste0(key, "_", nm)), .(FROM[[nm]]), .(call), ...)))
D <- function(nm) as.name(nm)
for (.nm in c("lung", "veteran", "pbc", "colon")) {
  put("family", .nm, bquote(with(.(D(.nm)), family(.(D(.nm)), k))), note = "function wlr() of the script, equal to survdiff for rho 0 and 1")
  put("family_entry", .nm, bquote(with(.(D(.nm)), family(.(D(.nm)), k, entry = e))), note = "function wlr() of the script with late entry")
  put("family_entry_strata", .nm, bquote(with(.(D(.nm)), family(.(D(.nm)), g, entry = e, strata = c))), note = "function wlr() of the script with late entry and strata")
}
for (.nm in c("lung", "veteran", "pbc", "colon", "rotterdam")) {
  put("survdiff", .nm, bquote(lapply(list(rho0 = 0, rho1 = 1), function(r) { f <- survdiff(Surv(t, s) ~ k + strata(c), data = .(D(.nm)), rho = r); list(obs = arr(rowSums(f$obs)), exp = arr(rowSums(f$exp)), var = unname(f$var), chisq = f$chisq) })))
}
for (.nm in c("aml", "lung", "veteran", "pbc")) put("exact", .nm, bquote({ f <- coxph(Surv(e, t, s) ~ factor(k), data = .(D(.nm)), ties = "exact"); list(chisq = f$score, df = length(coef(f)), p = pchisq(f$score, length(coef(f)), lower.tail = FALSE)) }), note = "score test of the exact Cox model = log-rank test")

# Robust tests
rscore <- function(f) { k <- length(coef(f)); x <- drop(f$rscore); list(chisq = x, df = k, p = pchisq(x, k, lower.tail = FALSE)) }
for (.nm in c("lung", "veteran", "pbc", "colon", "rotterdam")) {
  put("robust", .nm, bquote(rscore(coxph(Surv(t, s) ~ factor(k), data = .(D(.nm)), weights = w, robust = TRUE, ties = "breslow"))))
  put("robust_all", .nm, bquote(rscore(coxph(Surv(e, t, s) ~ g + strata(c), data = .(D(.nm)), weights = w, cluster = m, ties = "breslow"))))
  put("svylogrank", .nm, bquote(lapply(list(c(0, 0), c(1, 0), c(0, 1), c(.5, 2)), function(r) { x <- svylogrank(Surv(u, s) ~ g, design = svydesign(~1, weights = ~w, data = .(D(.nm))), rho = r[1], gamma = r[2]); list(score = x[[1]][1], se = x[[1]][2], z = x[[1]][3], chisq = unname(x[[2]][1]), p = unname(x[[2]][2])) })), pkgs = V, note = "times without ties: u = t + row / 10000; rho and gamma 0 0, 1 0, 0 1, .5 2")
  put("svylogrank_cluster", .nm, bquote(lapply(list(c(0, 0), c(1, 1)), function(r) { x <- svylogrank(Surv(u, s) ~ factor(k), design = svydesign(~m, weights = ~w, data = .(D(.nm))), rho = r[1], gamma = r[2]); list(score = arr(x[[1]][, 1]), se = arr(x[[1]][, 2]), chisq = unname(x[[2]][1]), p = unname(x[[2]][2])) })), pkgs = V, note = "clusters m = row %% 40, k groups")
}

# Trend: the score test of one numeric covariate in the exact Cox model; robust: the weighted Breslow model
score <- function(f) list(chisq = f$score, p = pchisq(f$score, 1, lower.tail = FALSE))
SCORES <- c(0, 1, 3, 7, 20)
for (.nm in c("lung", "veteran", "pbc", "colon")) {
  put("trend", .nm, bquote(score(coxph(Surv(t, s) ~ k, data = .(D(.nm)), ties = "exact"))))
  put("trend_scores", .nm, bquote(score(coxph(Surv(e, t, s) ~ SCORES[match(k, sort(unique(k)))] + strata(c), data = .(D(.nm)), ties = "exact"))))
  put("trend_peto", .nm, bquote({ f <- survdiff(Surv(t, s) ~ k, data = .(D(.nm)), rho = 1); a <- seq_along(f$n); x <- sum(a * (f$obs - f$exp))^2 / drop(a %*% f$var %*% a); list(chisq = x, p = pchisq(x, 1, lower.tail = FALSE)) }))
  put("trend_robust", .nm, bquote(rscore(coxph(Surv(t, s) ~ k, data = .(D(.nm)), weights = w, cluster = m, ties = "breslow"))))
}

# Pairs
pairs <- function(d, rho = 0) { lv <- sort(unique(d$k)); o <- combn(lv, 2, function(ij) { f <- survdiff(Surv(t, s) ~ k + strata(c), data = d[d$k %in% ij, ], rho = rho); f$chisq }); p <- pchisq(o, 1, lower.tail = FALSE); list(chisq = arr(o), p = arr(p), holm = arr(p.adjust(p, "holm"))) }
for (.nm in c("lung", "veteran", "pbc", "colon", "rotterdam")) put("pairs", .nm, bquote(lapply(list(rho0 = 0, rho1 = 1), function(r) pairs(.(D(.nm)), r))), note = "survdiff of each pair, stratified by c")

# MaxCombo: z and correlation from the joint hypergeometric covariance
FOUR <- list(c(0, 0), c(1, 0), c(0, 1), c(1, 1))
combo <- function(d, pq, entry = 0 * d$t, strata = rep(1, nrow(d))) { U <- 0; C <- 0
  for (s in unique(strata)) { ii <- strata == s; tt <- d$t[ii]; dd <- d$s[ii]; ee <- entry[ii]; gg <- d$g[ii]; S <- 1
    for (u in sort(unique(tt[dd == 1]))) { ar <- tt >= u & ee < u; n <- sum(ar); n1 <- sum(ar & gg == 1); x <- sum(tt == u & dd == 1); x1 <- sum(tt == u & dd == 1 & gg == 1); w <- sapply(pq, function(a) S^a[1] * (1 - S)^a[2])
      U <- U + w * (x1 - x * n1 / n); if (n > 1) C <- C + outer(w, w) * x * (n - x) / (n - 1) * (n1 / n) * (1 - n1 / n); S <- S * (1 - x / n) } }
  list(z = U / sqrt(diag(C)), R = cov2cor(C)) }
# The rectangle |Z| <= a in up to three dimensions from orthants, each exact (TVPACK: Genz 2004)
rectangle <- function(R, lo, hi) { k <- nrow(R); sum(apply(expand.grid(rep(list(0:1), k)), 1, function(b) (-1)^sum(b) * (if (k == 1) pnorm(ifelse(b == 1, lo, hi)) else pmvnorm(upper = ifelse(b == 1, lo, hi), corr = R, algorithm = TVPACK(1e-15))[1]))) }
two_sided <- function(o) { k <- length(o$z); a <- max(abs(o$z)); list(z = arr(o$z), correlation = unname(o$R), statistic = a, p = 1 - rectangle(o$R, rep(-a, k), rep(a, k))) }
one_sided <- function(o) { k <- length(o$z); a <- max(-o$z); 1 - pmvnorm(upper = rep(a, k), corr = o$R, algorithm = TVPACK(1e-15))[1] }
# pmvnorm takes a singular correlation by GenzBretz only, which misses by 3e-5 on colon, four times what it states.
# Of the four, Z(0,0) is made of x = Z(1,0) and y = Z(0,1): two integrals over the region that it leaves them, Z(1,1)
# being normal given both; the outer one is cut where the region has corners.
nested <- function(o) { a <- max(abs(o$z)); R <- o$R; k <- solve(R[2:3, 2:3], R[2:3, 1]); m <- solve(R[2:3, 2:3], R[2:3, 4]); s <- sqrt(1 - sum(m * R[2:3, 4])); r <- R[2, 3]; v <- sqrt(1 - r^2); tight <- function(f, l, u) if (u > l) integrate(f, l, u, rel.tol = 1e-13, abs.tol = 1e-15, subdivisions = 5000, stop.on.error = FALSE)$value else 0
  inner <- function(x) vapply(x, function(x) { e <- sort((c(-a, a) - k[1] * x) / k[2]); f <- function(y) dnorm(y, r * x, v) * (pnorm((a - m[1] * x - m[2] * y) / s) - pnorm((-a - m[1] * x - m[2] * y) / s)); l <- max(-a, e[1]); u <- min(a, e[2]); dnorm(x) * (tight(f, l, (l + u) / 2) + tight(f, (l + u) / 2, u)) }, 0)
  cuts <- c(-1, 1) %o% c(1, (1 - k[2]) / k[1], (1 + k[2]) / k[1]); cuts <- sort(unique(pmin(pmax(a * c(cuts, seq(-1, 1, .25)), -a), a)))
  list(z = arr(o$z), correlation = unname(R), statistic = a, p = 1 - sum(mapply(tight, head(cuts, -1), cuts[-1], MoreArgs = list(f = inner)))) }
for (.nm in c("aml", "lung", "veteran", "pbc", "colon")) {
  put("combo_two", .nm, bquote(two_sided(combo(.(D(.nm)), FOUR[c(1, 3)]))), pkgs = M)
  put("combo_three", .nm, bquote(two_sided(combo(.(D(.nm)), FOUR[c(1, 3, 4)]))), pkgs = M)
  put("combo_less", .nm, bquote(one_sided(combo(.(D(.nm)), FOUR[c(1, 3, 4)]))), pkgs = M)
  put("combo_entry_strata", .nm, bquote(with(.(D(.nm)), two_sided(combo(.(D(.nm)), FOUR[c(2, 4)], e, c)))), pkgs = M)
  put("combo_four", .nm, bquote(nested(combo(.(D(.nm)), FOUR))), note = "singular correlation: function nested() of the script")
}

# Rectangles
R3 <- matrix(c(1, .9, .3, .9, 1, .1, .3, .1, 1), 3); R4 <- matrix(c(1, .8, .5, .2, .8, 1, .7, .4, .5, .7, 1, .6, .2, .4, .6, 1), 4); E4 <- matrix(.95, 4, 4) + diag(.05, 4)
gold("rectangle_3", "inline", list(two = rectangle(R3, c(-2, -1, -2.5), c(2, 1.5, 2.5)), one = pmvnorm(upper = c(1, 2, .5), corr = R3, algorithm = TVPACK(1e-15))[1]), pkgs = "mvtnorm")
gold("rectangle_2", "inline", sapply(c(-.999, -.5, 0, .5, .999999), function(r) rectangle(matrix(c(1, r, r, 1), 2), c(-2, -1), c(1, 3))), pkgs = "mvtnorm")
gold("rectangle_4", "inline", list(two = pmvnorm(rep(-2, 4), rep(2, 4), corr = R4, algorithm = Miwa(4097))[1], one = pmvnorm(upper = c(1, 2, .5, 0), corr = R4, algorithm = Miwa(4097))[1], equal = integrate(function(x) sapply(x, function(v) dnorm(v) * (pnorm((2 - sqrt(.95) * v) / sqrt(.05)) - pnorm((-2 - sqrt(.95) * v) / sqrt(.05)))^4), -9, 9, rel.tol = 1e-12, subdivisions = 2000)$value), pkgs = "mvtnorm", note = "Miwa's numeric integration; equal correlations of .95 by one integral")
save_gold("tests_of_curves.json")
