# Immortal time: rows in which exposure never looks ahead, clones with their weights, and what the dates of the bundled
# study say. Written from the papers (Crowley and Hu 1977; Anderson, Cain and Gelber 1983; Maringe et al. 2020) on
# survival::jasa, the Stanford transplants, and on a table simulated here. Needs survival and jsonlite; in this folder:
# REF_OUT=../values Rscript 35_immortal_time.R
source("./common.R")
CONTROL <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
GLM_CONTROL <- glm.control(epsilon = 1e-15, maxit = 200)

# the Stanford transplants, a row a patient ---------------------------------------------------------------------------
jasa <- within(survival::jasa, id <- seq_along(futime))
days <- function(to) as.numeric(to - jasa$accept.dt)
jasa$time <- pmax(.5, days(jasa$fu.date))                             # a time of 0 counts as half a day
jasa$start <- ifelse(is.na(jasa$tx.date), Inf, days(jasa$tx.date))
same <- jasa$start == jasa$time; jasa$start[same] <- jasa$start[same] - .5   # a start on the last day came before its end
write.csv(data.frame(id = jasa$id, jasa[c("birth.dt", "accept.dt", "tx.date", "fu.date", "fustat", "surgery", "age")]),
          "../data/jasa.csv", row.names = FALSE, na = "NA", quote = TRUE)

# a table with covariates that decide the start and bear on death, entry, ties ------------------------------------------
set.seed(35)
n <- 240
sim <- data.frame(id = 1:n, x1 = round(rnorm(n), 3), x2 = rbinom(n, 1, .4))
death <- rexp(n, .03 * exp(.5 * sim$x1 + .4 * sim$x2)); cens <- runif(n, 20, 60); begin <- rexp(n, .06 * exp(-.4 * sim$x1 + .5 * sim$x2))
sim$time <- pmax(.5, round(2 * pmin(death, cens)) / 2); sim$fustat <- as.integer(death <= cens)
sim$start <- ifelse(begin < sim$time & begin < 30, round(2 * begin) / 2, Inf); sim$start[sim$start >= sim$time] <- Inf
sim$entry <- round(pmin(sim$time - .5, rexp(n, .5)) * 2) / 2; sim$entry[sim$entry < 0] <- 0
write.csv(sim, "../data/time_zero.csv", row.names = FALSE, na = "NA", quote = FALSE)

# start and stop, with tmerge --------------------------------------------------------------------------------------------
pieces <- function(d, entry = NULL) {
  b <- d; names(b)[names(b) == "time"] <- "ends"
  m <- tmerge(b, b, id = id, death = event(ends, fustat))
  m <- tmerge(m, transform(b, begins = ifelse(is.finite(start), start, NA)), id = id, on = tdc(begins))
  if (!is.null(entry)) { m$tstart <- pmax(m$tstart, d[[entry]][match(m$id, d$id)]); m <- m[m$tstart < m$tstop, ] }
  m
}
fit <- function(f, d, ...) { g <- coxph(f, d, cluster = id, control = CONTROL, ...); list(coef = arr(coef(g)), robust_se = arr(sqrt(diag(g$var))), naive_se = arr(sqrt(diag(g$naive.var)))) }
gold("start_stop_jasa", "jasa", fit(Surv(tstart, tstop, death) ~ on, pieces(jasa)))
gold("start_stop_jasa_covariates", "jasa", fit(Surv(tstart, tstop, death) ~ on + age + surgery, pieces(jasa)))
gold("start_stop_heart", "heart", fit(Surv(start, stop, event) ~ transplant, survival::heart))
gold("start_stop_jasa_rows", "jasa", with(pieces(jasa), list(id = arr(id), entry = arr(tstart), time = arr(tstop), event = arr(death), on = arr(on))))
gold("start_stop_time_zero", "time_zero", fit(Surv(tstart, tstop, death) ~ on + x1 + x2, pieces(sim)))
gold("start_stop_time_zero_entry", "time_zero", fit(Surv(tstart, tstop, death) ~ on + x1 + x2, pieces(sim, "entry")))

# the landmark ---------------------------------------------------------------------------------------------------------
marked <- function(d, at) within(d[d$time > at, ], { time <- time - at; on <- as.integer(start <= at) })
landmark <- function(d, at, rhs, horizon) {
  m <- marked(d, at); g <- coxph(reformulate(rhs, "Surv(time, fustat)"), m, control = CONTROL)
  s <- summary(survfit(Surv(time, fustat) ~ on, m), times = horizon)
  list(n = nrow(m), treated = sum(m$on), later = sum(is.finite(m$start) & m$start > at), coef = arr(coef(g)), se = arr(sqrt(diag(vcov(g)))), surv = arr(s$surv), std_err = arr(s$std.err))
}
gold("landmark_jasa_30", "jasa", landmark(jasa, 30, "on", 365))
gold("landmark_jasa_60", "jasa", landmark(jasa, 60, c("on", "age", "surgery"), 365))
gold("landmark_time_zero", "time_zero", landmark(sim, 10, c("on", "x1", "x2"), 20))

# clone, censor, weight -------------------------------------------------------------------------------------------------
# Each clone is cut at every time at which anything happens; a piece (a, b] has the weight that holds just before b.
clones <- function(d, grace, covariates, w = rep(1, nrow(d))) {
  began <- d$start <= grace & d$start < d$time; p <- length(covariates); rhs <- if (p) covariates else "1"
  d$w <- w; d$began <- began
  seen <- d$time > grace
  g <- glm(reformulate(rhs, "began"), quasibinomial, d[seen, ], weights = w, control = GLM_CONTROL)
  after <- rep(1, nrow(d)); after[seen] <- 1 / fitted(g)
  d$waited <- ifelse(began, d$start, ifelse(seen, grace, d$time - 1e-6))   # an event at the moment of a start comes first
  if (p) { s <- coxph(reformulate(covariates, "Surv(waited, began)"), d, weights = w, ties = "breslow", control = CONTROL, robust = FALSE)
           lp <- as.matrix(d[covariates]) %*% coef(s) } else lp <- rep(0, nrow(d))
  moments <- sort(unique(d$start[began]))
  step <- sapply(moments, function(t) sum(w[began & d$start == t]) / sum((w * exp(lp))[d$waited >= t]))
  stays <- function(i, t) exp(sum(step[moments < t]) * exp(lp[i]))          # 1 / chance of not having begun before t
  cuts <- sort(unique(c(d$time[d$fustat == 1], moments, grace))); cuts <- cuts[cuts > 0]
  one <- function(i, arm) {
    end <- if (arm) (if (!began[i] && seen[i]) grace else d$time[i]) else (if (began[i]) d$start[i] else d$time[i])
    if (end == 0) return(NULL)
    happened <- d$fustat[i] == 1 && end == d$time[i]
    b <- c(cuts[cuts < end], end); a <- c(0, head(b, -1))
    v <- if (arm) ifelse(b > grace, after[i], 1) else sapply(b, function(t) stays(i, min(t, grace + 1e-9)))
    data.frame(id = d$id[i], arm = arm, tstart = a, tstop = b, ev = as.integer(happened & b == end), v = v * w[i])
  }
  do.call(rbind, c(lapply(seq_len(nrow(d)), one, 0), lapply(seq_len(nrow(d)), one, 1)))
}
cloned <- function(d, grace, covariates, horizon, ties = "efron", w = rep(1, nrow(d))) {
  m <- clones(d, grace, covariates, w)
  g <- coxph(Surv(tstart, tstop, ev) ~ arm, m, weights = v, ties = ties, cluster = id, control = CONTROL)
  s <- summary(survfit(Surv(tstart, tstop, ev) ~ arm, m, weights = v), times = horizon, extend = FALSE)
  list(coef = coef(g)[[1]], surv = arr(s$surv), rows = nrow(m), sum_of_weights = sum(m$v), robust_se = sqrt(g$var[1, 1]))
}
gold("clones_jasa", "jasa", cloned(jasa, 30, character(), c(180, 365)))
gold("clones_jasa_covariates", "jasa", cloned(jasa, 30, c("age", "surgery"), c(180, 365)))
gold("clones_jasa_breslow", "jasa", cloned(jasa, 45, "age", c(180, 365), ties = "breslow"))
gold("clones_time_zero", "time_zero", cloned(sim, 12, c("x1", "x2"), c(10, 20, 30)))
gold("clones_time_zero_crude", "time_zero", cloned(sim, 6, character(), c(5, 20, 30)))
gold("clones_time_zero_weighted", "time_zero", cloned(sim, 12, c("x1", "x2"), c(10, 20, 30), w = 1 + sim$id %% 3))

# the spread over draws of exponential weights ---------------------------------------------------------------------------
gold("clones_bootstrap", "time_zero", {
  set.seed(3); runs <- t(replicate(400, { w <- rexp(nrow(sim)); r <- cloned(sim, 12, c("x1", "x2"), 20, w = w / mean(w)); c(r$coef, unclass(r$surv)) }))
  list(replicates = nrow(runs), sd = arr(apply(runs, 2, sd)), sd_difference = sd(runs[, 3] - runs[, 2]))
})

# the bundled study: everyone had to reach the end of radiotherapy --------------------------------------------------------
imn <- local({
  raw <- read.csv("../../../src/counterpoise/examples/imn/imn_screened.csv", na.strings = "")
  d <- subset(raw, supraclavicular_met != 1 & bilateral != 1 & cM != "M1" & distant_met_at_dx != 1 & excisional_biopsy_before_nac != 1 &
                prior_malignancy != 1 & curative_surgery == 1 & nac_completed == 1 & rt_completed == 1 & !is.na(last_followup_date))
  for (v in c("dx_date", "rt_end", "death_date", "last_followup_date")) d[[v]] <- as.Date(d[[v]])
  d$died <- !is.na(d$death_date) & d$death_date <= as.Date("2023-05-31")
  d$end <- pmin(d$death_date, d$last_followup_date, as.Date("2023-05-31"), na.rm = TRUE)
  within(d, { total <- as.numeric(end - dx_date); until <- as.numeric(rt_end - dx_date) })
})
gold("imn_findings", "imn_screened", {
  months <- 30.4375; v <- function(x) list(value = x)
  found <- with(imn, list(patients = nrow(imn), median = median(until) / months, earliest = min(until) / months, latest = max(until) / months,
    share = sum(until) / sum(total), expected = sum(died) / sum(total - until) * sum(until), first_event = min(total[died]) / months,
    control = median(until[imn_boost == 0]) / months, treated = median(until[imn_boost == 1]) / months))
  stopifnot(imn$until >= 0, imn$until < imn$total)
  names(found) <- paste0("findings.guarantee_time.", names(found)); lapply(found, v)
})

save_gold("immortal_time.json")
