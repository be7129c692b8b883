# References for the stacked variance of weighted effects, by numeric differentiation of the whole chain in R: each row's
# case weight is moved, and glm, weights, coxph, survfit and restricted mean are done anew. Needs R with survival, jsonlite:
# cd tests/golden/r && REF_OUT=../values Rscript 31_weighted_effects.R
source("./common.R"); cat("31_weighted_effects\n")
exact_fit <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 40)
exact_glm <- glm.control(epsilon = 1e-15, maxit = 50)
lu <- subset(survival::lung, !is.na(ph.ecog) & !is.na(age) & !is.na(wt.loss))
col <- subset(survival::colon, etype == 2 & rx != "Lev" & !is.na(nodes)); col <- col[col$id %% 2 == 0, ]
cohorts <- list(
  veteran = with(veteran, data.frame(time = time, event = status, a = as.integer(trt == 2), x1 = age, x2 = karno, x3 = diagtime)),
  lung = with(lu, data.frame(time = time, event = status - 1, a = as.integer(sex == 2), x1 = age, x2 = ph.ecog, x3 = wt.loss)),
  colon = with(col, data.frame(time = time, event = status, a = as.integer(rx == "Lev+5FU"), x1 = age, x2 = nodes, x3 = extent)))
AT <- list(veteran = c(50, 150), lung = c(180, 365), colon = c(700, 1500)); HORIZON <- c(veteran = 150, lung = 365, colon = 1500)
schemes <- c("ATE stabilised", "ATE", "ATT", "ATC", "ATO")

balancing <- function(e, a, case, scheme) {
  p <- sum(case * a) / sum(case)
  w <- switch(scheme, "ATE stabilised" = ifelse(a == 1, p / e, (1 - p) / (1 - e)), ATE = ifelse(a == 1, 1 / e, 1 / (1 - e)),
              ATT = ifelse(a == 1, 1, e / (1 - e)), ATC = ifelse(a == 1, (1 - e) / e, 1), ATO = ifelse(a == 1, 1 - e, e))
  w * case
}
chain <- function(d, case, at, tau) {  # (17) effects of each scheme, one column a scheme
  d$case <- case
  e <- fitted(suppressWarnings(glm(a ~ x1 + x2 + x3, binomial, d, weights = case, control = exact_glm)))
  sapply(schemes, function(s) { d$w <- balancing(e, d$a, case, s)
    hr <- sapply(c("efron", "breslow"), function(m) unname(coef(coxph(Surv(time, event) ~ a, d, weights = w, ties = m, control = exact_fit, robust = FALSE))))
    f <- survfit(Surv(time, event) ~ a, d, weights = w, se.fit = FALSE)
    arm <- lapply(0:1, function(k) { i <- if (k) f$strata[1] + seq_len(f$strata[2]) else seq_len(f$strata[1]); list(t = f$time[i], s = f$surv[i]) })
    S <- unlist(lapply(arm, function(z) sapply(at, function(t) c(1, z$s)[1 + sum(z$t <= t)])))
    R <- sapply(arm, function(z) { k <- z$t < tau; sum(diff(c(0, z$t[k], tau)) * c(1, z$s[k])) })
    n <- length(at); d1 <- S[n + 1:n] - S[1:n]
    c(hr, S, d1, log(S[n + 1:n] / S[1:n]), R, R[2] - R[1], log(R[2] / R[1])) })
}
stacked <- function(d, at, tau, h = 4e-3) {  # standard errors (effects, schemes): roots of the sum of squared derivatives
  total <- 0; one <- rep(1, nrow(d))
  for (i in seq_len(nrow(d))) { f <- function(by) { z <- one; z[i] <- 1 + by; chain(d, z, at, tau) }
    total <- total + ((8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h))^2 }
  sqrt(total)
}
for (name in names(cohorts)) { d <- cohorts[[name]]; at <- AT[[name]]; tau <- HORIZON[[name]]; .what <- paste("rows as in 31_weighted_effects.R:", name)
  gold(paste0("chain_", name), .what, list(estimate = unname(chain(d, rep(1, nrow(d)), at, tau)), schemes = I(schemes)), note = "log HR efron, breslow; S controls at, S treated at; differences at; log ratios at; RMST controls, treated; difference; log ratio")
  gold(paste0("stacked_", name), .what, list(std_error = unname(stacked(d, at, tau))), note = "central differences of order 4 in each row's case weight")
}
fixed <- function(d, scheme, at) { e <- fitted(glm(a ~ x1 + x2 + x3, binomial, d, control = exact_glm)); d$w <- balancing(e, d$a, rep(1, nrow(d)), scheme)
  f <- lapply(c(efron = "efron", breslow = "breslow"), function(m) { g <- coxph(Surv(time, event) ~ a, d, weights = w, ties = m, control = exact_fit, robust = TRUE)
    list(coef = coef(g)[[1]], se = sqrt(g$var[1]), naive_se = sqrt(g$naive.var[1]), rscore = g$rscore[[1]]) })
  s <- summary(survfit(Surv(time, event) ~ a, d, weights = w), times = at, extend = TRUE)
  c(f, list(surv = arr(s$surv), std_err = arr(s$std.err))) }
for (name in names(cohorts)) { d <- cohorts[[name]]; at <- AT[[name]]
  gold(paste0("fixed_", name), paste("rows as in 31_weighted_effects.R:", name), setNames(lapply(schemes, function(s) fixed(d, s, at)), schemes)) }
save_gold("weighted_effects.json")
