# References for curves of survival and hazard, bands and comparisons; needs R with survival, MASS, km.ci and jsonlite:
# cd tests/golden/r && REF_OUT=../values Rscript 17_curves.R
source("./common.R")
suppressMessages(library(km.ci))
cat("17_curves\n")
rows <- function(time, event, group) {
  n <- seq_along(time)
  data.frame(time = time, event = event, group = group, w = 0.5 + (n %% 5) / 4, centre = n %% 4, id = n,
             entry = ifelse(n %% 3 == 0, floor(time / 2), 0), resampled = n %% 4)
}
d <- list(aml = with(aml, rows(time, status, as.integer(x))), lung = with(lung, rows(time, status - 1, sex)),
          veteran = with(veteran, rows(time, status, as.integer(celltype))), ovarian = with(ovarian, rows(futime, fustat, rx)),
          rotterdam = with(rotterdam, rows(dtime / 30.4375, death, hormon)),
          Melanoma = with(MASS::Melanoma, rows(time, as.integer(status == 1), sex)))
small <- c("aml", "veteran", "ovarian")
CT <- c("plain", "log", "log-log", "logit", "arcsin")
T5 <- list(aml = c(0, 9, 20, 48, 200), lung = c(0, 100, 365, 800, 1200), veteran = c(0, 30, 100, 400, 1200),
           ovarian = c(0, 100, 365, 800, 1500), rotterdam = c(0, 12, 60, 120, 300), Melanoma = c(0, 500, 2000, 4000, 6000))
ST <- c(aml = 12, lung = 180, veteran = 50, ovarian = 300, rotterdam = 24, Melanoma = 1000)
read_at <- function(f, times) { s <- summary(f, times = times, extend = TRUE)
  list(time = arr(s$time), n_risk = arr(s$n.risk), n_event = arr(s$n.event), n_censor = arr(s$n.censor), surv = arr(s$surv),
       std_err = arr(s$std.err), lower = arr(s$lower), upper = arr(s$upper)) }
hazard <- function(f) list(time = arr(f$time), n_risk = arr(f$n.risk), n_event = arr(f$n.event), n_censor = arr(f$n.censor), cumhaz = arr(f$cumhaz), std_chaz = arr(f$std.chaz))
each <- function(key, names, expr, ..., note = NULL) for (name in names) {
  call <- do.call(substitute, list(substitute(expr), list(NAME = name, ...)))
  eval(bquote(gold(.(paste0(key, "_", name)), .(name), .(call), note = .(note))))
}

# Kaplan-Meier
for (ct in CT) {
  each(paste0("at_", ct), c("lung", "ovarian", "rotterdam", "Melanoma"), read_at(survfit(Surv(time, event) ~ 1, data = d[[NAME]], conf.type = TYPE), T5[[NAME]]), TYPE = ct)
  each(paste0("quantiles_", ct), c("aml", "lung", "veteran", "ovarian"), km_quant(survfit(Surv(time, event) ~ 1, data = d[[NAME]], conf.type = TYPE), c(.1, .25, .5, .75, .9)), TYPE = ct)
}
each("reverse", names(d), km_quant(survfit(Surv(time, 1 - event) ~ 1, data = d[[NAME]])))
each("weights_counts", small, km_curve(survfit(Surv(time, event) ~ 1, data = d[[NAME]], weights = w, robust = FALSE)))
each("weights", small, km_curve(survfit(Surv(time, event) ~ 1, data = d[[NAME]], weights = w, robust = TRUE)))
each("robust", small, km_curve(survfit(Surv(time, event) ~ 1, data = d[[NAME]], robust = TRUE)))
each("cluster", small, km_curve(survfit(Surv(time, event) ~ 1, data = d[[NAME]], cluster = centre)))
each("entry", small, km_curve(survfit(Surv(entry, time, event) ~ 1, data = d[[NAME]])))
each("entry_weights_cluster", small, km_curve(survfit(Surv(entry, time, event) ~ 1, data = d[[NAME]], weights = w, robust = TRUE, id = id, cluster = centre)))
each("start", names(d), read_at(survfit(Surv(time, event) ~ 1, data = d[[NAME]], start.time = ST[[NAME]]), ST[[NAME]] * 2:4))
each("start_entry_weights", small, km_curve(survfit(Surv(entry, time, event) ~ 1, data = d[[NAME]], weights = w, robust = TRUE, id = id, start.time = ST[[NAME]])))

# Nelson-Aalen and exp(-H)
for (ct in 1:2) {
  ties <- c("breslow", "efron")[ct]
  each(paste0("hazard_", ties), c(small, "lung"), hazard(survfit(Surv(time, event) ~ 1, data = d[[NAME]], ctype = CTYPE)), CTYPE = ct)
  each(paste0("hazard_weights_", ties), small, hazard(survfit(Surv(time, event) ~ 1, data = d[[NAME]], weights = w, robust = TRUE, ctype = CTYPE)), CTYPE = ct)
  each(paste0("hazard_counts_", ties), small, hazard(survfit(Surv(time, event) ~ 1, data = d[[NAME]], weights = w, robust = FALSE, ctype = CTYPE)), CTYPE = ct)
  each(paste0("hazard_entry_cluster_", ties), small, hazard(survfit(Surv(entry, time, event) ~ 1, data = d[[NAME]], weights = w, robust = TRUE, id = id, cluster = centre, ctype = CTYPE)), CTYPE = ct)
  each(paste0("hazard_start_", ties), small, hazard(survfit(Surv(time, event) ~ 1, data = d[[NAME]], ctype = CTYPE, start.time = ST[[NAME]])), CTYPE = ct)
  for (type in CT) each(paste0("exp_", ties, "_", type), c("aml", "lung", "ovarian"), read_at(survfit(Surv(time, event) ~ 1, data = d[[NAME]], stype = 2, ctype = CTYPE, conf.type = TYPE), T5[[NAME]]), CTYPE = ct, TYPE = type)
}
each("exp_weights_efron", small, km_curve(survfit(Surv(time, event) ~ 1, data = d[[NAME]], weights = w, robust = TRUE, stype = 2, ctype = 2)),
     note = "with ctype = 1 survfit takes the robust standard error of log S for that of S")
each("hazard_limits", small, { f <- survfit(Surv(time, event) ~ 1, data = d[[NAME]]); h <- f$cumhaz; s <- qnorm(.975) * f$std.chaz
  list(plain_lower = arr(pmax(h - s, 0)), plain_upper = arr(h + s), log_lower = arr(ifelse(h > 0, h * exp(-s / h), 0)), log_upper = arr(ifelse(h > 0, h * exp(s / h), 0))) })

# Bands. The laws are computed a second way: Brownian motion between c and -c by reflections and two integrals, the
# Ornstein-Uhlenbeck process by finite differences of 100, 200 and 400 points, extrapolated.
stays <- function(x, y, c, v) { k <- -30:30; rowSums(outer(y, k, function(y, k) dnorm(y - x + 4 * k * c, sd = sqrt(v)) - dnorm(y + x - 2 * c + 4 * k * c, sd = sqrt(v)))) }
legendre <- function(n) { k <- seq_len(n - 1); b <- k / sqrt(4 * k^2 - 1); m <- matrix(0, n, n); m[cbind(k, k + 1)] <- m[cbind(k + 1, k)] <- b
  e <- eigen(m, symmetric = TRUE); list(x = e$values, w = 2 * e$vectors[1, ]^2) }
GL <- legendre(160)
hw <- function(c, a, b) { x <- c * GL$x; w <- c * GL$w
  inner <- vapply(x, function(u) sum(w * stays(u, x, c, b - a) * dnorm(x, sd = sqrt(1 - b))), 0)
  sum(w * dnorm(x, sd = sqrt(a)) * inner) * sqrt(2 * pi) }
difference <- function(c, L, n) { h <- 2 * c / n; z <- -c + h * seq_len(n - 1); m <- diag(1 / h^2 + z^2 / 8 - 1 / 4); k <- seq_len(n - 2)
  m[cbind(k, k + 1)] <- m[cbind(k + 1, k)] <- -1 / (2 * h^2); e <- eigen(m, symmetric = TRUE)
  sum(exp(-e$values * L) * (crossprod(e$vectors, sqrt(dnorm(z))) * sqrt(h))^2) }
ep <- function(c, L) { p <- vapply(c(100, 200, 400), function(n) difference(c, L, n), 0); q <- (4 * p[-1] - p[-3]) / 3; (16 * q[2] - q[1]) / 15 }
critical <- function(kind, a, b, level) uniroot(function(c) (if (kind == "hall-wellner") hw(c, a, b) else ep(c, log(b * (1 - a) / (a * (1 - b))))) - level, c(.4, 5), tol = 1e-12)$root
band <- function(kind, f, level) {
  use <- f$n.event > 0 & f$n.risk > f$n.event; s <- f$surv[use]; v <- (f$std.err[use])^2; a <- f$n * v / (1 + f$n * v)
  c <- critical(kind, a[1], a[sum(use)], level); g <- c * (if (kind == "hall-wellner") (1 + f$n * v) / sqrt(f$n) else sqrt(v))
  list(time = arr(f$time[use]), value = c, a = arr(range(a)), log_log_lower = arr(s^exp(-g / log(s))), log_log_upper = arr(s^exp(g / log(s))), plain_lower = arr(pmax(s - s * g, 0)), plain_upper = arr(pmin(s + s * g, 1)),
       arcsine_lower = arr(sin(pmax(asin(sqrt(s)) - g / 2 * sqrt(s / (1 - s)), 0))^2), arcsine_upper = arr(sin(pmin(asin(sqrt(s)) + g / 2 * sqrt(s / (1 - s)), pi / 2))^2))
}
for (kind in c("hall-wellner", "equal-precision")) for (level in c(.9, .95))
  each(paste0(kind, "_", level * 100), c("aml", "veteran", "ovarian", "Melanoma"), band(KIND, survfit(Surv(time, event) ~ 1, data = d[[NAME]]), LEVEL), KIND = kind, LEVEL = level)
package <- function(f, method) { b <- km.ci(f, conf.level = .95, method = method); list(time = arr(b$time), lower = arr(b$lower), upper = arr(b$upper)) }
for (method in c("hall-wellner", "loghall", "epband", "logep"))
  each(paste0("km.ci_", method), c("lung", "veteran", "Melanoma"), package(survfit(Surv(time, event) ~ 1, data = d[[NAME]]), METHOD), METHOD = method)
gold("km.ci_tables", "tables of the package", list(hall_90 = critical.value.hall.90, hall_95 = critical.value.hall.95, hall_99 = critical.value.hall.99, nair_90 = critical.value.nair.90, nair_95 = critical.value.nair.95), pkgs = "km.ci",
     note = "rows: end of the bridge's time, .10 (.02) 1; columns: its start, 0 or .02 (.02) .6")

# Comparisons
two <- function(f, times) { s <- summary(f, times = times, extend = TRUE); k <- length(times); a <- seq_len(k); b <- k + a; z <- qnorm(.975)
  diff <- s$surv[a] - s$surv[b]; se <- sqrt(s$std.err[a]^2 + s$std.err[b]^2); lr <- log(s$surv[a] / s$surv[b]); sl <- sqrt((s$std.err[a] / s$surv[a])^2 + (s$std.err[b] / s$surv[b])^2)
  list(times = arr(times), difference = list(value = arr(diff), std_error = arr(se), lower = arr(diff - z * se), upper = arr(diff + z * se), z = arr(diff / se), p_value = arr(2 * pnorm(-abs(diff / se)))),
       ratio = list(value = arr(exp(lr)), std_error = arr(sl), lower = arr(exp(lr - z * sl)), upper = arr(exp(lr + z * sl)), z = arr(lr / sl), p_value = arr(2 * pnorm(-abs(lr / sl))))) }
TC <- list(aml = c(20, 30), lung = c(180, 365), veteran = c(30, 100), ovarian = c(400, 600), rotterdam = c(36, 60, 120), Melanoma = c(1000, 2000, 4000))
each("two", c("aml", "lung", "ovarian", "rotterdam", "Melanoma"), two(survfit(Surv(time, event) ~ group, data = d[[NAME]]), TC[[NAME]]))
each("two_weights", c("aml", "lung", "ovarian"), two(survfit(Surv(time, event) ~ group, data = d[[NAME]], weights = w, robust = TRUE), TC[[NAME]]))
# Klein, Logan, Harhoff and Andersen (2007): transform, variance by the delta method, quadratic form of contrasts
klein <- function(f, time) { s <- summary(f, times = time, extend = TRUE); S <- s$surv; v <- (s$std.err / S)^2; k <- length(S); C <- cbind(diag(k - 1), -1)
  test <- function(y, v) { q <- drop(t(C %*% y) %*% solve(C %*% diag(v) %*% t(C)) %*% (C %*% y)); list(statistic = q, p = pchisq(q, k - 1, lower.tail = FALSE)) }
  list(plain = test(S, S^2 * v), log = test(log(S), v), "log-log" = test(log(-log(S)), v / log(S)^2), arcsine = test(asin(sqrt(S)), v * S / (4 * (1 - S))), logit = test(log(S / (1 - S)), v / (1 - S)^2)) }
each("klein", names(d), klein(survfit(Surv(time, event) ~ group, data = d[[NAME]]), TC[[NAME]][1]))
cross <- function(f) { one <- f[1]; two <- f[2]; end <- min(max(one$time), max(two$time)); t <- sort(unique(c(one$time, two$time))); t <- t[t <= end]
  g <- stepfun(one$time, c(1, one$surv))(t) - stepfun(two$time, c(1, two$surv))(t); s <- sign(ifelse(abs(g) < 1e-12, 0, g)); k <- which(s != 0); at <- k[-1][diff(s[k]) != 0]
  piece <- cut(seq_along(t), c(0, at - 1, length(t)), labels = FALSE); list(times = arr(t[at]), largest = arr(vapply(split(g, piece), function(x) x[which.max(abs(x))], 0))) }
each("cross", c("aml", "lung", "ovarian", "rotterdam", "Melanoma"), cross(survfit(Surv(time, event) ~ group, data = d[[NAME]])))
each("resampled", c("lung", "veteran", "rotterdam"), read_at(survfit(Surv(time, event) ~ 1, data = d[[NAME]], weights = resampled, subset = resampled > 0), TC[[NAME]]))
save_gold("curves.json")
