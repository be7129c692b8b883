# The numbers of the toxicity of the bundled study that 16_imn_study.R does not have: how the arms differ in the share
# with a grade or a worse one, and the cumulative incidence of the adverse events with a date. From the raw table; Gray's
# test by cmprsk. In this folder: REF_OUT=../values Rscript 36_toxicity.R
source("./common.R")
suppressMessages(library(cmprsk))
D <- "src/counterpoise/examples/imn/imn_screened.csv"
Z <- qnorm(.975)
MONTH <- 30.4375
HORIZON <- 60
CUTOFF <- as.Date("2023-05-31")
raw <- read.csv(file.path("../../..", D), na.strings = "")
for (v in grep("_date$|^rt_start$", names(raw), value = TRUE)) raw[[v]] <- as.Date(raw[[v]])
d <- with(raw, raw[!(supraclavicular_met == 1 | bilateral == 1 | cM == "M1" | distant_met_at_dx == 1 | excisional_biopsy_before_nac == 1 |
  prior_malignancy == 1 | curative_surgery != 1 | nac_completed != 1 | rt_completed != 1 | is.na(last_followup_date)), ])
ARMS <- list(control = d$imn_boost == 0, treated = d$imn_boost == 1)
ORGANS <- c("acute_skin", "acute_esophagus", "acute_lung", "acute_heart", "late_skin", "late_subcutaneous", "late_lung", "late_heart", "late_esophagus")
DATED <- c("pneumonitis_date", "cardiac_event_date")

ID <- list()
put <- function(id, value, ...) ID[[id]] <<- list(value = unname(value), ...)
numbers_of <- function(f) { ID <<- list(); f(); ID }
fisher_2x2 <- function(x) if (length(unique(x)) < 2) NA else fisher.test(table(x, d$imn_boost))$p.value
wilson <- function(x, n) { p <- x / n; mid <- p + Z^2 / (2 * n); half <- Z * sqrt(p * (1 - p) / n + Z^2 / (4 * n^2)); (mid + c(-half, half)) / (1 + Z^2 / n) }

grades <- function() for (i in seq_along(ORGANS)) {
  x <- d[[ORGANS[i]]]
  for (arm in names(ARMS)) put(sprintf("toxicity.r%d.%s.not_assessed", i, arm), sum(is.na(x[ARMS[[arm]]])))
  for (k in 1:3) {
    n <- vapply(ARMS, function(r) sum(!is.na(x[r])), 0); m <- vapply(ARMS, function(r) sum(x[r] >= k, na.rm = TRUE), 0); p <- m / n
    w <- mapply(wilson, m, n); gap <- p[["treated"]] - p[["control"]]
    # Newcombe 1998, method 10: the limits of the single proportions, combined by squares
    low <- gap - sqrt((p[["treated"]] - w[1, "treated"])^2 + (w[2, "control"] - p[["control"]])^2)
    high <- gap + sqrt((w[2, "treated"] - p[["treated"]])^2 + (p[["control"]] - w[1, "control"])^2)
    put(sprintf("toxicity.r%d.%s.difference", i, c("any", "grade2", "grade3")[k]), gap, lower = unname(low), upper = unname(high), n = sum(n))
    if (k == 3) put(sprintf("toxicity.r%d.p_grade3", i), fisher_2x2(x >= k))
  }
}
incidence <- function() {
  end <- pmin(d$death_date, d$last_followup_date, CUTOFF, na.rm = TRUE)
  for (i in seq_along(DATED)) {
    when <- d[[DATED[i]]]; event <- !is.na(when) & when <= end
    died <- !event & !is.na(d$death_date) & d$death_date == end
    d$time <- as.numeric(ifelse(event, when, end) - as.numeric(d$rt_start)) / MONTH
    d$state <- factor(ifelse(event, 1, ifelse(died, 2, 0)), 0:2, c("censor", "event", "death"))
    stopifnot(d$time > 0)
    at <- list()
    for (arm in names(ARMS)) {
      x <- d[ARMS[[arm]], ]; n <- nrow(x); k <- sum(x$state == "event"); id <- function(what) sprintf("toxicity.d%d.%s.%s", i, arm, what)
      f <- survfit(Surv(time, state) ~ 1, data = x, conf.type = "log-log"); s <- summary(f, times = HORIZON)
      one <- which(f$states == "event")
      put(id("n"), n); put(id("events"), k, n = n); put(id("competing"), sum(x$state == "death"), n = n)
      at[[arm]] <- if (k) list(p = s$pstate[one], e = s$std.err[one], l = s$lower[one], u = s$upper[one]) else list(p = 0, e = 0, l = NaN, u = NaN)
      put(id("incidence"), at[[arm]]$p, lower = at[[arm]]$l, upper = at[[arm]]$u, std_error = at[[arm]]$e, n = n, events = k)
    }
    gap <- at$treated$p - at$control$p; e <- if (min(at$treated$e, at$control$e) > 0) sqrt(at$treated$e^2 + at$control$e^2) else NaN   # an arm without events has no error
    put(sprintf("toxicity.d%d.difference", i), gap, lower = gap - Z * e, upper = gap + Z * e, std_error = e)
    gray <- cuminc(d$time, as.integer(d$state) - 1, d$imn_boost)$Tests["1", ]
    put(sprintf("toxicity.d%d.gray", i), gray[["stat"]], p_value = gray[["pv"]])
  }
}

# What the findings say of the doses and of the dates: equivalent doses with alpha/beta 4, the line at 90 days
records <- function() {
  id <- function(name, what) sprintf("findings.%s.%s", name, what)
  equivalent <- function(D, n) ifelse(is.na(D), 0, D * (D / n + 4) / 6)
  total <- equivalent(d$rt_dose_gy, d$rt_fractions) + equivalent(d$imn_boost_dose_gy, d$imn_boost_fractions)
  lowest <- min(total[d$imn_boost == 1]); reached <- d$imn_boost == 0 & total >= lowest
  put(id("exposure_misclassified", "reached"), sum(reached)); put(id("exposure_misclassified", "controls"), sum(d$imn_boost == 0))
  put(id("exposure_misclassified", "highest"), max(total[reached])); put(id("exposure_misclassified", "lowest"), lowest)
  put(id("toxicity_line", "line"), 90)
  organs <- list(c("acute_lung", "late_lung"), c("acute_heart", "late_heart"))
  for (i in 1:2) {
    had <- !is.na(d[[DATED[i]]]); early <- as.numeric(d[[DATED[i]]] - d$rt_start) <= 90; acute <- d[[organs[[i]][1]]]; late <- d[[organs[[i]][2]]]
    n <- function(x) sum(x & had, na.rm = TRUE); key <- function(what) sprintf("d%d_%s", i, what)
    as_acute <- n(!early & acute >= 1 & late < 1); as_late <- n(early & late >= 1 & acute < 1)
    if (n(early) && n(!early) || as_acute || as_late) {
      put(id("toxicity_line", key("early")), n(early)); put(id("toxicity_line", key("late")), n(!early)); put(id("toxicity_line", key("as_acute")), as_acute); put(id("toxicity_line", key("as_late")), as_late)
    }
    below <- pmax(acute, late) < 3
    put(id("toxicity_scale", key("events")), n(TRUE)); put(id("toxicity_scale", key("below")), n(below)); put(id("toxicity_scale", key("early")), n(below & early)); put(id("toxicity_scale", key("grade")), 3)
  }
}

cat("36_toxicity\n")
gold("grades", D, numbers_of(grades), "stats")
gold("incidence", D, numbers_of(incidence), c("survival", "cmprsk"))
gold("records", D, numbers_of(records), "stats")
save_gold("toxicity.json")
