# Doubly robust survival, written from the formula with the martingale of censoring; all models are R's own. Needs R with
# survival, jsonlite, and riskRegression 2022.11.28 for the last entry:
# cd tests/golden/r && REF_OUT=../values Rscript 32_doubly_robust.R
source("./common.R"); cat("32_doubly_robust\n")
TIGHT <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 40)
np <- subset(survival::rotterdam, nodes > 0)
np <- with(np, data.frame(time = dtime / 30.4375, event = death, a = hormon, age = age, meno = meno, size20 = as.integer(size == "20-50"), size50 = as.integer(size == ">50"),
  grade3 = as.integer(grade == 3), lnodes = log1p(nodes), lpgr = log1p(pgr), ler = log1p(er), chemo = chemo))
col <- subset(survival::colon, etype == 2 & rx != "Lev" & !is.na(nodes))
col <- with(col, data.frame(time = time, event = status, a = as.integer(rx == "Lev+5FU"), age = age, nodes = nodes, obstruct = obstruct, extent = extent))
vet <- with(survival::veteran, data.frame(time = time, event = status, a = as.integer(trt == 2), karno = karno, age = age, prior = prior / 10))
cohorts <- list(np = np, colon = col, veteran = vet)
SCORE <- list(np = setdiff(names(np), c("time", "event", "a")), colon = c("age", "nodes", "obstruct", "extent"), veteran = c("karno", "age", "prior"))
OUTCOME <- list(np = c("age", "size20", "size50", "grade3", "lnodes"), colon = c("age", "nodes", "extent"), veteran = c("karno", "age"))
CENSOR <- list(np = c("age", "lnodes"), colon = c("age"), veteran = character())
AT <- list(np = c(12, 60, 120), colon = c(365, 1000, 2000), veteran = c(30, 90, 250)); HORIZON <- c(np = 120, colon = 2000, veteran = 365)

# exp(-cumulative hazard) of all rows of `new`, at each step of a Cox model (or of Nelson-Aalen/Fleming-Harrington) fitted to `d`
steps <- function(d, vars, new, ties) { f <- coxph(reformulate(if (length(vars)) vars else "1", "Surv(time, event)"), d, ties = ties, control = TIGHT)
  s <- if (length(vars)) survfit(f, newdata = new, se.fit = FALSE) else survfit(Surv(time, event) ~ 1, d, ctype = if (ties == "efron") 2 else 1)
  k <- s$n.event > 0; H <- if (length(vars)) s$cumhaz[k, , drop = FALSE] else matrix(s$cumhaz[k], sum(k), nrow(new)); list(time = s$time[k], S = exp(-H)) }
read <- function(m, t) { j <- findInterval(t, m$time); rbind(1, m$S)[j + 1, , drop = FALSE] }       # at t, the step at t taken

# one arm: influence terms (uncentred) of every row at times `at`, by the formula in dM_C
terms_of <- function(d, a, at, vars, cvars, which, ties, h, w) {
  # those with the event leave before censorings at the same time: ranks 2r (event) and 2r + 1 (censoring)
  r <- match(d$time, sort(unique(d$time))); z <- d; z$time <- 2 * r; cz <- z; cz$time <- 2 * r + (1 - d$event); cz$event <- 1 - d$event
  rows <- if (which == "arms") d$a == a else rep(TRUE, nrow(d)); new <- z; new$a <- a
  S <- steps(z[rows, ], c(if (which != "arms") "a", vars), new, ties)
  G <- if (all(d$event[rows] == 1)) list(time = numeric(), S = matrix(1, 0, nrow(d))) else steps(cz[rows, ], c(if (which == "common") "a", cvars), new, ties)
  S_c <- read(S, G$time); G_before <- rbind(1, G$S)[seq_along(G$time), , drop = FALSE]
  own <- cz$time; risk <- outer(G$time, own, "<="); dn <- outer(G$time, own, "==") * rep(cz$event, each = length(G$time))
  increments <- (dn - risk * (1 - G$S / G_before)) / (S_c * G$S); increments[!risk] <- 0
  Q <- rbind(0, apply(increments, 2, cumsum)); dim(Q) <- c(length(G$time) + 1, nrow(d))
  rank_at <- 2 * findInterval(at, sort(unique(d$time))) + 1
  S_at <- read(S, rank_at); G_at <- read(G, rank_at); Q_at <- Q[findInterval(rank_at, G$time) + 1, , drop = FALSE]
  mine <- d$a == a; alive <- outer(at, d$time, "<")
  t(S_at) * h + ifelse(mine, w, 0) * t(alive / G_at + S_at * Q_at - S_at) }

aipw <- function(n, estimand, which = "arms", ties = "efron", cvars = CENSOR[[n]], known = FALSE) {
  d <- cohorts[[n]]; at <- AT[[n]]; tau <- HORIZON[[n]]
  ps <- glm(reformulate(SCORE[[n]], "a"), binomial, d, epsilon = 1e-14); e <- fitted(ps); X <- model.matrix(ps)
  moved <- (X * (d$a - e)) %*% solve(crossprod(X * sqrt(e * (1 - e))))                  # influence of the score's coefficients
  h <- switch(estimand, ATE = rep(1, nrow(d)), ATT = d$a, ATO = e * (1 - e)); w <- switch(estimand, ATE = 1 / ifelse(d$a == 1, e, 1 - e), ATT = ifelse(d$a == 1, 1, e / (1 - e)), ATO = ifelse(d$a == 1, 1 - e, e))
  # derivatives by the linear predictor
  dh <- switch(estimand, ATE = 0 * e, ATT = 0 * e, ATO = e * (1 - e) * (1 - 2 * e)); dw <- switch(estimand, ATE = ifelse(d$a == 1, -(1 - e) / e, e / (1 - e)), ATT = ifelse(d$a == 1, 0, e / (1 - e)), ATO = ifelse(d$a == 1, -1, 1) * e * (1 - e))
  one <- function(a) {
    grid <- sort(unique(d$time[d$event == 1 & d$time < tau & (which != "arms" | d$a == a)])); width <- diff(c(grid, tau))
    both <- c(at, grid); f <- terms_of(d, a, both, OUTCOME[[n]], cvars, which, ties, h, w); g <- terms_of(d, a, both, OUTCOME[[n]], cvars, which, ties, dh, dw)
    est <- colSums(f) / sum(h); D <- crossprod(X, g - outer(dh, est))
    inf <- (f - outer(h, est) + if (known) 0 else moved %*% D) / sum(h); k <- seq_along(at)
    area <- grid[1] + sum(est[-k] * width); list(s = est[k], inf = inf[, k], area = area, area_inf = drop(inf[, -k] %*% width)) }
  arms <- lapply(0:1, one); se <- function(i) sqrt(colSums(as.matrix(i)^2)); d1 <- arms[[2]]; d0 <- arms[[1]]
  list(s0 = arr(d0$s), s1 = arr(d1$s), se0 = arr(se(d0$inf)), se1 = arr(se(d1$inf)), difference_se = arr(se(d1$inf - d0$inf)),
    log_ratio_se = arr(se(t(t(d1$inf) / d1$s - t(d0$inf) / d0$s))), area = arr(c(d0$area, d1$area)), area_se = arr(c(se(d0$area_inf), se(d1$area_inf))), area_difference_se = se(d1$area_inf - d0$area_inf)) }

for (n in names(cohorts)) for (e in c("ATE", "ATT", "ATO")) eval(bquote(gold(.(paste(n, e, sep = "_")), .(n), aipw(.(n), .(e)))))
for (n in names(cohorts)) eval(bquote(gold(.(paste0(n, "_common")), .(n), aipw(.(n), "ATE", "common", "breslow"))))
for (n in names(cohorts)) eval(bquote(gold(.(paste0(n, "_pooled")), .(n), aipw(.(n), "ATE", "pooled", cvars = character(), known = TRUE))))
# what adjustedCurves calls for its method "aiptw": a common model of the outcome, one of censoring without covariates; as
# the data are, and with ties broken, events before censorings (`ate` takes tied censorings more than once)
untied <- function(d) { o <- order(d$time, -d$event); d$time[o] <- d$time[o] + 1e-5 * seq_along(o); d }
ate_of <- function(d, at) { suppressMessages(library(riskRegression)); d$a <- factor(d$a)
  OM <- coxph(reformulate(c("a", OUTCOME$np), "Surv(time, event)"), d, x = TRUE, y = TRUE, control = TIGHT); CM <- coxph(Surv(time, event == 0) ~ 1, d, x = TRUE, y = TRUE)
  GM <- glm(reformulate(SCORE$np, "a"), binomial, d, epsilon = 1e-14)
  one <- function(known) { r <- ate(event = OM, treatment = GM, censor = CM, data = d, times = at, estimator = "AIPTW,AIPCW", verbose = FALSE, se = TRUE, known.nuisance = known); m <- as.data.frame(r$meanRisk); m[order(m$treatment, m$time), ] }
  m <- one(FALSE); k <- one(TRUE); i <- seq_along(at)
  list(s0 = arr(1 - m$estimate[i]), s1 = arr(1 - m$estimate[-i]), se0 = arr(m$se[i]), se1 = arr(m$se[-i]), se0_known = arr(k$se[i]), se1_known = arr(k$se[-i])) }
gold("riskregression_np", "np", ate_of(np, AT$np), pkgs = c("survival", "riskRegression"))
gold("riskregression_np_untied", "np", ate_of(untied(np), AT$np), pkgs = c("survival", "riskRegression"))
save_gold("doubly_robust.json")
