# References for effects in matched sets: weights, clusters, controls used again, strata. Needs R with survival, jsonlite:
# cd tests/golden/r && REF_OUT=../values Rscript 27_matched_effects.R
source("./common.R"); DATA <- "../data"; cat("27_matched_effects\n")
exact_fit <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 40)
col <- subset(survival::colon, etype == 2 & rx != "Lev" & !is.na(nodes)); lu <- subset(survival::lung, !is.na(ph.ecog) & !is.na(age))
cohorts <- list(
  veteran = with(veteran, data.frame(time = time, event = status, a = as.integer(trt == 2), age = age, s = karno)),
  lung = with(lu, data.frame(time = time, event = status - 1, a = as.integer(sex == 2), age = age, s = ph.ecog)),
  colon = with(col, data.frame(time = time, event = status, a = as.integer(rx == "Lev+5FU"), age = age, s = extent)))
cohorts <- lapply(cohorts, function(d) { d$id <- seq_len(nrow(d)); d })
HORIZON <- c(veteran = 100, lung = 365, colon = 1500)

# the `k` controls nearest in age to each treated row, those of the smallest row first among equals; controls are used again
near <- function(d, k) do.call(rbind, lapply(which(d$a == 1), function(i) {
  z <- which(d$a == 0); z <- z[order(abs(d$age[z] - d$age[i]), z)][seq_len(k)]; data.frame(treated = i, control = z) }))
replaced <- function(d, k) { l <- near(d, k); l$set <- match(l$treated, unique(l$treated)); l }
members <- function(d, l) { k <- table(l$set)[1]
  e <- rbind(data.frame(row = unique(l$treated), set = seq_along(unique(l$treated)), w = 1), data.frame(row = l$control, set = l$set, w = 1 / as.numeric(k), row.names = NULL)); cbind(d[e$row, ], set = e$set, w = e$w) }
# each control with the treated row nearest in age: sets of one treated row and some controls; treated rows left over are unmatched
stars <- function(d) { t <- which(d$a == 1); set <- rep(NA, nrow(d))
  for (j in which(d$a == 0)) set[j] <- which.min(abs(d$age[t] - d$age[j])); for (i in seq_along(t)) if (i %in% set) set[t[i]] <- i
  weigh(d, match(set, sort(unique(set)))) }
quintiles <- function(d) weigh(d, as.integer(cut(d$age, c(-Inf, quantile(d$age, 1:4 / 5), Inf))), "ATE")
weigh <- function(d, set, estimand = "ATT") { n1 <- ave(d$a, set, FUN = sum); n0 <- ave(1 - d$a, set, FUN = sum)
  w <- if (estimand == "ATT") ifelse(d$a == 1, 1, n1 / n0) else (n1 + n0) / ifelse(d$a == 1, n1, n0)
  w[is.na(set)] <- 0; for (a in 0:1) w[d$a == a] <- w[d$a == a] * sum(w[d$a == a] > 0) / sum(w[d$a == a]); list(set = set, w = w) }

fit <- function(e, cluster) coxph(Surv(time, event) ~ a, e, weights = e$w, cluster = cluster, control = exact_fit)
wald <- function(f) list(coef = coef(f)[[1]], se = sqrt(vcov(f)[[1]]), score_p = summary(f)$robscore[["pvalue"]])
within_sets <- function(e, again = FALSE) { m <- Surv(time, event) ~ a + strata(set); f <- if (again) coxph(m, e, cluster = id, control = exact_fit) else coxph(m, e, control = exact_fit)
  list(coef = coef(f)[[1]], se = sqrt(vcov(f)[[1]])) }
curve <- function(e, cluster, at) { s <- summary(survfit(Surv(time, event) ~ 1, e, weights = e$w, cluster = cluster, robust = TRUE, conf.type = "log-log"), times = at); c(s$surv, s$std.err, s$lower, s$upper, s$n.risk) }
curves <- function(e, cluster, at) lapply(list(control = 0, treated = 1), function(a) arr(curve(e[e$a == a, ], cluster[e$a == a], at)))
# what each row moves survival at a time by, its weight included: the jackknife of R's survfit
moves <- function(e, at) { e$row <- seq_len(nrow(e)); f <- survfit(Surv(time, event) ~ 1, e, weights = e$w, id = row, influence = TRUE); j <- f$influence.surv[, max(which(f$time <= at))]
  stopifnot(isTRUE(all.equal(sqrt(sum(j^2)), summary(f, times = at)$std.err))); j }
difference <- function(e, at) { j <- numeric(nrow(e)); for (a in 0:1) j[e$a == a] <- moves(e[e$a == a, ], at) * c(-1, 1)[a + 1]; j }
clustered <- function(j, g) sum(rowsum(j, g)^2)

in_stars <- function(n) { d <- cohorts[[n]]; s <- stars(d); e <- cbind(d, set = s$set, w = s$w)[!is.na(s$set), ]
  list(set = arr(ifelse(is.na(s$set), -1, s$set - 1)), weights = arr(s$w), cox = wald(fit(e, e$set)), stratified = within_sets(e),
       curves = curves(e, e$set, HORIZON[[n]]), difference_se = sqrt(clustered(difference(e, HORIZON[[n]]), e$set))) }
in_strata <- function(n) { d <- cohorts[[n]]; s <- quintiles(d); e <- cbind(d, set = s$set, w = s$w)
  list(set = arr(s$set - 1), weights = arr(s$w), cox = wald(fit(e, e$id)), stratified = within_sets(e),
       curves = curves(e, e$id, HORIZON[[n]]), difference_se = sqrt(sum(difference(e, HORIZON[[n]])^2))) }
again <- function(n, k) { d <- cohorts[[n]]; l <- replaced(d, k); e <- members(d, l); f <- fit(e, e$set); p <- fit(e, e$id); b <- fit(e, paste(e$set, e$id))
  # the score residuals at no effect, clustered in the same two ways
  z <- coxph(Surv(time, event) ~ a, e, weights = e$w, init = 0, control = coxph.control(iter.max = 0)); u <- residuals(z, "score", weighted = TRUE)
  j <- difference(e, HORIZON[[n]]); two <- function(v) clustered(v, e$set) + clustered(v, e$id) - clustered(v, paste(e$set, e$id))
  list(treated = arr(l$treated - 1), control = arr(l$control - 1), set = arr(l$set - 1), coef = coef(f)[[1]], se_set = sqrt(vcov(f)[[1]]), se_patient = sqrt(vcov(p)[[1]]),
       se = sqrt(vcov(f)[[1]] + vcov(p)[[1]] - vcov(b)[[1]]), score_p = pchisq(sum(u)^2 / two(u), 1, lower.tail = FALSE),
       stratified = within_sets(e, again = TRUE), difference_se = sqrt(two(j))) }
for (n in names(cohorts)) {
  eval(bquote(gold(.(paste0("stars_", n)), .(n), in_stars(.(n)))))
  eval(bquote(gold(.(paste0("strata_", n)), .(n), in_strata(.(n)))))
  for (k in 1:2) eval(bquote(gold(.(paste0("again", k, "_", n)), .(n), again(.(n), .(k)))))
}
save_gold("matched_effects.json")
