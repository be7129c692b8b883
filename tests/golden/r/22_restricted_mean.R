# Restricted means, their regression, pseudo-observations and their regression. Needs survival, prodlim, geepack:
# cd tests/golden/r && REF_OUT=../values Rscript 22_restricted_mean.R
# What survRM2 itself computes is in values/rmst2.json, from 04_competing_rmst.R.
source("./common.R")
suppressWarnings(suppressMessages({library(prodlim); library(geepack)}))
cat("22_restricted_mean\n")
Melanoma <- read.csv("../data/Melanoma.csv")
# --- restricted means: print(survfit, rmean=) ---------------------------------------------------------------------------
lung$event <- lung$status - 1
n <- seq_len(nrow(lung)); lung$w <- 0.5 + (n %% 5) / 4; lung$centre <- n %% 7
n <- seq_len(nrow(veteran)); veteran$w <- 0.5 + (n %% 5) / 4; veteran$entry <- ifelse(n %% 3 == 0, floor(veteran$time / 2), 0); veteran$centre <- n %% 7
pbc$dead <- as.numeric(pbc$status == 2); n <- seq_len(nrow(pbc)); pbc$w <- 0.5 + (n %% 5) / 4; pbc$centre <- n %% 7
trial <- subset(pbc, !is.na(trt))
rott <- transform(survival::rotterdam, dmonths = dtime / 30.4375)
gold("rmean_lung_sex_365", "lung", km_table(survfit(Surv(time, event) ~ sex, lung), rmean = 365))
gold("rmean_rott_hormon_60", "rotterdam", km_table(survfit(Surv(dmonths, death) ~ hormon, rott), rmean = 60))
gold("rmean_rott_hormon_120", "rotterdam", km_table(survfit(Surv(dmonths, death) ~ hormon, rott), rmean = 120))
gold("rmean_veteran_trt_200", "veteran", km_table(survfit(Surv(time, status) ~ trt, veteran), rmean = 200))
gold("rmean_pbc_trt_3000", "pbc, trt known", km_table(survfit(Surv(time, dead) ~ trt, trial), rmean = 3000))
gold("rmean_veteran_entry_200", "veteran + entry", km_table(survfit(Surv(entry, time, status) ~ 1, veteran), rmean = 200))
gold("rmean_colon_rx_2000", "colon, etype 2", km_table(survfit(Surv(time, status) ~ rx, subset(colon, etype == 2)), rmean = 2000))
# Weighted: the infinitesimal jackknife is R's own, residuals(type = "auc"); R prints Greenwood's formula on weighted counts.
ij <- function(f, d, w, tau, cluster) {
  r <- as.vector(residuals(f, times = tau, type = "auc")) * d[[w]]
  t <- summary(f, rmean = tau)$table
  list(value = t[["rmean"]], greenwood = t[["se(rmean)"]], se = sqrt(sum(r^2)), clustered = sqrt(sum(tapply(r, d[[cluster]], sum)^2)), influence = arr(r))
}
gold("rmean_weighted_lung", "lung + w + centre", ij(survfit(Surv(time, event) ~ 1, lung, weights = w), lung, "w", 365, "centre"))
gold("rmean_weighted_veteran", "veteran + w + centre", ij(survfit(Surv(time, status) ~ 1, veteran, weights = w), veteran, "w", 200, "centre"))
gold("rmean_weighted_pbc", "pbc + w + centre", ij(survfit(Surv(time, dead) ~ 1, pbc, weights = w), pbc, "w", 3000, "centre"))
# --- comparison of two arms from R's restricted means ------------------------------------------------------------------
contrast <- function(form, data, tau) {
  t <- summary(survfit(form, data), rmean = tau)$table; m <- t[, "rmean"]; v <- t[, "se(rmean)"]^2; l <- tau - m; z <- qnorm(.975)
  out <- function(est, se, f) list(estimate = f(est), std_error = se, lower = f(est - z * se), upper = f(est + z * se), z = est / se, p = 2 * pnorm(-abs(est / se)))
  list(difference = out(m[[2]] - m[[1]], sqrt(sum(v)), identity), ratio = out(log(m[[2]] / m[[1]]), sqrt(sum(v / m^2)), exp), time_lost_ratio = out(log(l[[2]] / l[[1]]), sqrt(sum(v / l^2)), exp))
}
note <- "survRM2's formulas (Uno et al. 2014) on the restricted means of survfit"
gold("contrast_lung_365", "lung", contrast(Surv(time, event) ~ sex, lung, 365), note = note)
gold("contrast_veteran_200", "veteran", contrast(Surv(time, status) ~ trt, veteran, 200), note = note)
gold("contrast_pbc_3000", "pbc, trt known", contrast(Surv(time, dead) ~ trt, trial, 3000), note = note)
equality <- function(form, data, tau) {
  t <- summary(survfit(form, data), rmean = tau)$table; m <- t[, "rmean"]; V <- diag(t[, "se(rmean)"]^2)
  C <- cbind(-1, diag(length(m) - 1)); x <- drop(t(C %*% m) %*% solve(C %*% V %*% t(C)) %*% (C %*% m))
  list(chisq = x, df = length(m) - 1, p = pchisq(x, length(m) - 1, lower.tail = FALSE))
}
gold("equality_colon_rx_2000", "colon, etype 2", equality(Surv(time, status) ~ rx, subset(colon, etype == 2), 2000))
gold("equality_veteran_celltype_100", "veteran", equality(Surv(time, status) ~ celltype, veteran, 100))
gold("equality_pbc_stage_2000", "pbc, stage known", equality(Surv(time, dead) ~ stage, subset(pbc, !is.na(stage)), 2000))
# --- adjusted analysis, written from Tian, Zhao and Wei (2014), sections 2 and 3 ---------------------------------------------
ipcw <- function(time, event, X, arm, tau, lost = FALSE, log = FALSE) {
  y <- pmin(time, tau); known <- as.numeric(event == 1 | time >= tau); X <- cbind(1, X); n <- length(y)
  G <- risk <- numeric(n); haz <- list()
  for (a in unique(arm)) { i <- which(arm == a); G[i] <- sapply(y[i], function(t) { u <- sort(unique(y[i][y[i] <= t])); prod(sapply(u, function(v) 1 - sum(y[i] == v & known[i] == 0) / sum(y[i] >= v))) }) }
  w <- ifelse(known == 1, 1 / G, 0); resp <- if (lost) tau - y else y
  b <- if (log) { b <- c(base::log(weighted.mean(resp, w)), rep(0, ncol(X) - 1)); for (k in 1:60) { mu <- exp(drop(X %*% b)); b <- b + solve(t(X * (w * mu)) %*% X, t(X) %*% (w * (resp - mu)))[, 1] }; b } else solve(t(X * w) %*% X, t(X) %*% (w * resp))[, 1]
  mu <- if (log) exp(drop(X %*% b)) else drop(X %*% b)
  U <- X * (w * (resp - mu)); K <- U
  for (a in unique(arm)) { i <- which(arm == a)
    at <- t(sapply(i, function(j) colSums(U[i, , drop = FALSE][y[i] >= y[j], , drop = FALSE]) / sum(y[i] >= y[j])))   # E(t) at each row's time
    for (m in seq_along(i)) { j <- i[m]; before <- which(y[i] <= y[j] & known[i] == 0)
      K[j, ] <- K[j, ] + (1 - known[j]) * at[m, ] - if (length(before)) colSums(at[before, , drop = FALSE] / sapply(i[before], function(l) sum(y[i] >= y[l]))) else 0 } }
  A <- if (log) t(X * mu) %*% X else t(X) %*% X
  V <- solve(A) %*% crossprod(K) %*% solve(A)
  list(coef = arr(b), se = arr(sqrt(diag(V))), vcov = unname(V))
}
three <- function(...) list(difference = ipcw(...), ratio = ipcw(..., log = TRUE), time_lost_ratio = ipcw(..., lost = TRUE, log = TRUE))
note <- "written from the paper: survRM2 is not among the packages of Debian"
known <- subset(lung, !is.na(ph.ecog))
gold("ipcw_lung_365", "lung, ph.ecog known", three(known$time, known$event, cbind(known$sex, known$age, known$ph.ecog), known$sex, 365), note = note)
gold("ipcw_veteran_200", "veteran", three(veteran$time, veteran$status, cbind(veteran$trt, veteran$karno, veteran$age), veteran$trt, 200), note = note)
gold("ipcw_pbc_3000", "pbc, trt known", three(trial$time, trial$dead, cbind(trial$trt, trial$age, log(trial$bili)), trial$trt, 3000), note = note)
# --- pseudo-observations ----------------------------------------------------------------------------------------------------
Melanoma$state <- ifelse(Melanoma$status == 1, 1, ifelse(Melanoma$status == 3, 2, 0)); transplant$state <- c(0, 1, 2, 3)[as.integer(transplant$event)]
transplant <- subset(transplant, futime > 0)
sets <- list(lung = list(d = data.frame(time = lung$time, event = lung$event), at = c(100, 365, 600)),
             veteran = list(d = data.frame(time = veteran$time, event = veteran$status), at = c(50, 100, 300)),
             Melanoma = list(d = data.frame(time = Melanoma$time, event = as.numeric(Melanoma$status == 1)), at = c(1000, 2000, 3000)))
several <- list(Melanoma = list(d = data.frame(time = Melanoma$time, event = Melanoma$state), at = c(1000, 2000, 3000)),
                pbc = list(d = data.frame(time = pbc$time, event = pbc$status), at = c(1000, 3000)),
                transplant = list(d = data.frame(time = transplant$futime, event = transplant$state), at = c(50, 400)))
refit <- function(d, at) { rm <- function(d) sapply(at, function(t) summary(survfit(Surv(time, event) ~ 1, d), rmean = t)$table[["rmean"]]); n <- nrow(d); all <- rm(d); t(sapply(seq_len(n), function(i) n * all - (n - 1) * rm(d[-i, ]))) }
for (name in names(sets)) {
  one <- sets[[name]]
  gold(paste0("jackknife_survival_", name), name, unname(jackknife(prodlim(Hist(time, event) ~ 1, one$d), times = one$at)), pkgs = "prodlim")
  gold(paste0("infinitesimal_survival_", name), name, unname(pseudo(survfit(Surv(time, event) ~ 1, one$d), times = one$at, type = "survival")))
  gold(paste0("infinitesimal_rmst_", name), name, unname(pseudo(survfit(Surv(time, event) ~ 1, one$d), times = one$at, type = "rmst")))
  gold(paste0("jackknife_rmst_", name), name, unname(refit(one$d, one$at)), note = "n refits of survfit")
}
for (name in names(several)) {
  one <- several[[name]]
  gold(paste0("jackknife_incidence_", name), name, unname(jackknife(prodlim(Hist(time, event) ~ 1, one$d), times = one$at, cause = "1")), pkgs = "prodlim")
  gold(paste0("infinitesimal_incidence_", name), name, { p <- pseudo(survfit(Surv(time, factor(event, 0:max(event), c("censored", seq_len(max(event))))) ~ 1, one$d), times = one$at, type = "pstate"); unname(p[, , 2]) })
}
# --- regression of pseudo-observations ------------------------------------------------------------------------------------
gee <- function(P, X, link, cluster = NULL, weights = NULL) {
  n <- nrow(P); k <- ncol(P); id <- if (is.null(cluster)) seq_len(n) else cluster
  long <- data.frame(y = as.vector(P), id = rep(id, k), t = factor(rep(seq_len(k), each = n)), w = rep(if (is.null(weights)) rep(1, n) else weights, k))
  Z <- cbind(model.matrix(if (k > 1) ~ t - 1 else ~ 1, long), X[rep(seq_len(n), k), ]); o <- order(long$id)
  m <- pmin(pmax(colMeans(P), .02), if (link %in% c("identity", "log")) Inf else .98)
  b <- c(switch(link, identity = m, log = log(m), logit = qlogis(m), cloglog = log(-log(1 - m))), rep(0, ncol(X)))
  f <- geese.fit(Z[o, ], long$y[o], long$id[o], weights = long$w[o], b = b, family = gaussian(), mean.link = link, scale.fix = TRUE, corstr = "independence", control = geese.control(epsilon = 1e-14, maxit = 200))
  list(coef = arr(f$beta), se = arr(sqrt(diag(f$vbeta))), vcov = unname(f$vbeta), error = f$error)
}
X <- list(lung = cbind(lung$sex, lung$age), veteran = cbind(veteran$trt == 2, veteran$karno), Melanoma = cbind(Melanoma$sex, Melanoma$thickness))
for (name in names(sets)) { P <- sapply(sets[[name]]$at, function(t) jackknife(prodlim(Hist(time, event) ~ 1, sets[[name]]$d), times = t)); R <- refit(sets[[name]]$d, sets[[name]]$at)
  gold(paste0("gee_identity_rmst_", name), name, gee(R[, 2, drop = FALSE], X[[name]], "identity"), pkgs = "geepack")
  gold(paste0("gee_log_rmst_", name), name, gee(R[, 2, drop = FALSE], X[[name]], "log"), pkgs = "geepack")
  gold(paste0("gee_logit_survival_", name), name, gee(P, X[[name]], "logit"), pkgs = "geepack")
  gold(paste0("gee_cloglog_death_", name), name, gee(1 - P, X[[name]], "cloglog"), pkgs = "geepack", note = "pseudo-observations of 1 - S")
  id <- seq_len(nrow(P)) %% 30
  gold(paste0("gee_cluster_", name), name, gee(P, X[[name]], "cloglog", cluster = id), pkgs = "geepack")
  gold(paste0("gee_weights_", name), name, gee(P, X[[name]], "identity", weights = 0.5 + (seq_len(nrow(P)) %% 5) / 4), pkgs = "geepack") }
save_gold("restricted_mean.json")
