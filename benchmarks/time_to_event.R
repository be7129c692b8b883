# The R side of time_to_event.py: reads one job a line, runs it, answers with one line "seconds value value ...".
coxph.fit <- survival:::coxph.fit; agreg.fit <- survival:::agreg.fit
suppressMessages({library(survival); options(warn = -1, digits = 17)})
numbers <- function(path, count) readBin(path, "double", count)
cohort <- list(folder = "")

load_cohort <- function(folder, n, p) {
  if (cohort$folder == folder) return(invisible())
  x <- matrix(numbers(file.path(folder, "x.bin"), n * p), n, p)
  time <- numbers(file.path(folder, "time.bin"), n); event <- numbers(file.path(folder, "event.bin"), n)
  cohort <<- list(folder = folder, n = n, x = x, time = time, event = event, arm = as.integer(x[, 1] > 0),
    cause = numbers(file.path(folder, "cause.bin"), n), weights = numbers(file.path(folder, "weights.bin"), n),
    y = Surv(time, event))
}

jobs <- list(
  core = function(d) coxph.fit(d$x, d$y, NULL, NULL, NULL, coxph.control(), NULL, "efron", NULL)$coefficients,
  core_weighted = function(d) coxph.fit(d$x, d$y, NULL, NULL, NULL, coxph.control(), d$weights, "efron", NULL)$coefficients,
  core_entry = function(d) agreg.fit(d$x, Surv(d$time / 4, d$time, d$event), NULL, NULL, NULL, coxph.control(), NULL, "efron", NULL)$coefficients,
  coxph = function(d) { f <- coxph(d$y ~ d$x); c(coef(f), f$concordance[["concordance"]]) },
  robust = function(d) { f <- coxph(d$y ~ d$x, weights = d$weights, robust = TRUE); c(coef(f), sqrt(diag(f$var))) },
  survfit = function(d) {
    f <- survfit(d$y ~ 1, conf.type = "log-log"); at <- findInterval(c(5, 10, 20), f$time)
    c(f$surv[at], f$surv[at] * f$std.err[at])
  },
  survdiff = function(d) survdiff(d$y ~ d$arm)$chisq,
  zph = function(d) as.vector(cox.zph(cohort$fit, terms = FALSE)$table[, 1]),
  crr = function(d) { f <- cmprsk::crr(d$time, d$cause, d$x, variance = TRUE); c(f$coef, sqrt(diag(f$var))) }
)

input <- file("stdin", "r")
while (length(line <- readLines(input, n = 1)) > 0) {
  word <- strsplit(line, " ")[[1]]
  load_cohort(word[2], as.integer(word[3]), as.integer(word[4]))
  if (word[1] == "zph" && is.null(cohort$fit)) cohort$fit <- coxph(cohort$y ~ cohort$x, control = coxph.control(eps = 1e-13))
  gc(full = TRUE)
  seconds <- Inf
  for (again in seq_len(as.integer(word[5]))) {
    start <- Sys.time()
    value <- jobs[[word[1]]](cohort)
    seconds <- min(seconds, as.numeric(Sys.time() - start, units = "secs"))
  }
  cat(seconds, formatC(value, digits = 17, format = "g"), "\n"); flush(stdout())
}
