# References for what cobalt's tables leave out: distances of distributions, overlap, categories, weighted prevalences and
# quantiles, squares and interactions, sampling weights, subgroups. Needs R with survival, survey, jsonlite:
# cd tests/golden/r && REF_OUT=../values Rscript 33_balance.R
source("./common.R"); suppressMessages(library(survey)); DATA <- "../data"; cat("33_balance\n")
col <- subset(survival::colon, etype == 2 & rx != "Lev" & !is.na(nodes) & !is.na(differ)); lu <- subset(survival::lung, !is.na(ph.ecog) & !is.na(wt.loss))
cohorts <- list(
  veteran = with(veteran, data.frame(a = as.integer(trt == 2), karno = karno, age = age, prior = as.integer(prior == 10), group = as.character(celltype))),
  lung = with(lu, data.frame(a = as.integer(sex == 2), age = age, loss = wt.loss, ecog1 = as.integer(ph.ecog >= 1), group = as.character(pmin(ph.ecog, 2)))),
  colon = with(col, data.frame(a = as.integer(rx == "Lev+5FU"), age = age, nodes = nodes, obstruct = obstruct, group = as.character(differ))))
# two kinds of weights that need no model: balancing weights and sampling weights in steps of a quarter, whose sums are exact
cohorts <- lapply(cohorts, function(d) { i <- seq_len(nrow(d)); d$w <- 1 + (i %% 5) / 4; d$s <- 1 + (i %% 3) / 4; d })
columns <- function(d) as.matrix(d[, 2:4])

share <- function(x) all(x %in% 0:1)
distance <- function(x, a, w) { v <- sort(unique(x)); f <- function(g) sapply(v, function(z) sum(w[a == g & x <= z]) / sum(w[a == g])); abs(f(1) - f(0)) }
ecdf_mean <- function(x, a, w) if (share(x)) max(distance(x, a, w)) else mean(distance(x, a, w))
overlap <- function(x, a, w, rule) { if (share(x)) return(1 - max(distance(x, a, w)))
  bw <- rule(x[a == as.integer(sum(a == 1) <= sum(a == 0))])
  f <- lapply(0:1, function(g) approxfun(density(x[a == g], weights = w[a == g] / sum(w[a == g]), bw = bw), yleft = 0, yright = 0))
  ends <- seq(min(x) - 4 * bw, max(x) + 4 * bw, length.out = 1001); middle <- (ends[-1] + ends[-1001]) / 2
  sum(pmin(f[[1]](middle), f[[2]](middle))) * (ends[2] - ends[1]) }
by_column <- function(d, f, ...) arr(apply(columns(d), 2, f, d$a, ...))
gap <- function(x, a, w) weighted.mean(x[a == 1], w[a == 1]) - weighted.mean(x[a == 0], w[a == 0])
reliability <- function(x, w) { m <- weighted.mean(x, w); sum(w * (x - m)^2) / (sum(w) - sum(w^2) / sum(w)) }
pooled <- function(x, a, s) sqrt((reliability(x[a == 1], s[a == 1]) + reliability(x[a == 0], s[a == 0])) / 2)
hedges <- function(x, a) { n <- table(a); sqrt(((n[["1"]] - 1) * var(x[a == 1]) + (n[["0"]] - 1) * var(x[a == 0])) / (length(a) - 2)) / (1 - 3 / (4 * length(a) - 9)) }
yang_dalton <- function(g, a, w) { p <- lapply(1:0, function(k) { t <- tapply(w[a == k], factor(g[a == k], sort(unique(g))), sum, default = 0); (t / sum(t))[-1] })
  s <- Reduce(`+`, lapply(p, function(q) diag(as.vector(q), length(q)) - outer(as.vector(q), as.vector(q)))) / 2; d <- as.vector(p[[1]] - p[[2]]); sqrt(sum(d * solve(s, d))) }

distances <- function(n) { d <- cohorts[[n]]
  list(ecdf_mean = by_column(d, ecdf_mean, 1 + 0 * d$w), ecdf_mean_weighted = by_column(d, ecdf_mean, d$w), ks_weighted = by_column(d, function(x, a, w) max(distance(x, a, w)), d$w),
       overlap = by_column(d, overlap, 1 + 0 * d$w, bw.nrd), overlap_weighted = by_column(d, overlap, d$w, bw.nrd), overlap_nrd0 = by_column(d, overlap, d$w, bw.nrd0)) }
denominators <- function(n) { d <- cohorts[[n]]; X <- columns(d); f <- function(g) arr(apply(X, 2, g))
  list(pooled = f(function(x) pooled(x, d$a, 1 + 0 * d$w)), treated = f(function(x) sd(x[d$a == 1])), control = f(function(x) sd(x[d$a == 0])), all = f(sd),
       hedges = f(function(x) hedges(x, d$a)), weighted = f(function(x) sqrt(reliability(x, d$w))), pooled_sampling = f(function(x) pooled(x, d$a, d$s)),
       all_sampling = f(function(x) sqrt(reliability(x, d$s))), weighted_sampling = f(function(x) sqrt(reliability(x, d$s * d$w)))) }
sampled <- function(n) { d <- cohorts[[n]]; f <- function(w) arr(apply(columns(d), 2, function(x) gap(x, d$a, w) / pooled(x, d$a, d$s)))
  ess <- function(w) arr(sapply(1:0, function(g) sum(w[d$a == g])^2 / sum(w[d$a == g]^2)))
  list(before = f(d$s), after = f(d$s * d$w), size_before = ess(d$s), size_after = ess(d$s * d$w)) }
terms <- function(n) { d <- cohorts[[n]]; X <- columns(d); squares <- X[, !apply(X, 2, share)]^2; pairs <- combn(3, 2)
  Y <- cbind(X, squares, apply(pairs, 2, function(p) X[, p[1]] * X[, p[2]]))
  list(before = arr(apply(Y, 2, function(x) gap(x, d$a, 1 + 0 * d$w) / pooled(x, d$a, 1 + 0 * d$w))), after = arr(apply(Y, 2, function(x) gap(x, d$a, d$w) / pooled(x, d$a, 1 + 0 * d$w)))) }
categories <- function(n) { d <- cohorts[[n]]; list(before = yang_dalton(d$group, d$a, 1 + 0 * d$w), after = yang_dalton(d$group, d$a, d$w)) }
summaries <- function(n) { d <- cohorts[[n]]; X <- columns(d); des <- svydesign(~1, weights = ~w, data = d); v <- names(d)[2]; p <- c(.05, .1, .25, .5, .75, .9, 1)  # below the first row survey gives the second
  q <- function(rule) arr(sapply(p, function(z) getFromNamespace(paste0("qrule_", rule), "survey")(d[[v]][order(d[[v]], d$w)], d$w[order(d[[v]], d$w)], z)))
  m <- svymean(~factor(group), des); o <- order(d[[v]], d$w)
  list(mean = arr(svymean(X, des)), sd = arr(sqrt(diag(as.matrix(svyvar(X, des))))), sd_reliability = arr(sqrt(apply(X, 2, reliability, d$w))), levels = arr(sort(unique(d$group))),
       share = arr(coef(m)), se = arr(SE(m)), p = arr(p), math = q("math"), school = q("school"), hf7 = q("hf7"), linear = arr(approx(cumsum(d$w[o]) / sum(d$w), d[[v]][o], p, rule = 2)$y),
       type1 = arr(quantile(d[[v]], p, type = 1)), type2 = arr(quantile(d[[v]], p, type = 2)), type4 = arr(quantile(d[[v]], p, type = 4)), type7 = arr(quantile(d[[v]], p, type = 7))) }
within_groups <- function(n) { d <- cohorts[[n]]; X <- columns(d); s <- apply(X, 2, pooled, d$a, 1 + 0 * d$w)
  lapply(split(seq_len(nrow(d)), d$group), function(r) { a <- d$a[r]; f <- function(w) apply(X[r, ], 2, gap, a, w[r]); own <- apply(X[r, ], 2, pooled, a, 1 + 0 * a)
    list(n = arr(c(sum(a), sum(1 - a))), before = arr(f(1 + 0 * d$w) / s), after = arr(f(d$w) / s), own = arr(f(d$w) / own)) }) }
for (n in names(cohorts)) for (f in c("distances", "denominators", "sampled", "terms", "categories", "summaries", "within_groups"))
  eval(bquote(gold(.(paste(f, n, sep = "_")), .(n), .(as.name(f))(.(n)), pkgs = c("survival", "survey"))))
save_gold("balance_measures.json")
