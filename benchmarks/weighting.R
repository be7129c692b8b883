# The R side of weighting.py: reads one job a line, runs it, answers with one line "seconds value value ...".
suppressMessages({library(survival); options(warn = -1, digits = 17)})
numbers <- function(path, count) readBin(path, "double", count)
cohort <- list(folder = "")

load_cohort <- function(folder, n, p) {
  if (cohort$folder == folder) return(invisible())
  x <- matrix(numbers(file.path(folder, "x.bin"), n * p), n, p, dimnames = list(NULL, paste0("x", seq_len(p))))
  treated <- numbers(file.path(folder, "treated.bin"), n)
  cohort <<- list(folder = folder, n = n, x = x, treated = treated, time = numbers(file.path(folder, "time.bin"), n),
    event = numbers(file.path(folder, "event.bin"), n), weights = numbers(file.path(folder, "weights.bin"), n),
    frame = data.frame(treated = treated, x))
}

# one balance table: standardised difference, variance ratio and Kolmogorov-Smirnov distance, before and after weighting
balance <- function(x, a, w) {
  one <- a == 1; sums <- c(sum(w[one]), sum(w[!one])); step <- ifelse(one, w / sums[1], -w / sums[2])
  moments <- function(v, u) { m <- sum(u * v) / sum(u); c(m, sum(u * (v - m)^2) / (sum(u) - sum(u^2) / sum(u))) }
  apply(x, 2, function(v) {
    t <- moments(v[one], w[one]); c <- moments(v[!one], w[!one]); o <- order(v); s <- v[o]
    c(t[1] - c[1], t[2] / c[2], max(abs(cumsum(step[o]))[c(diff(s) != 0, TRUE)]))
  })
}

jobs <- list(
  glm = function(d) coef(glm(treated ~ ., binomial, d$frame)),
  glm.fit = function(d) glm.fit(cbind(1, d$x), d$treated, family = binomial())$coefficients,
  replicate = function(d) {
    d$frame$boot <- d$weights * d$n / sum(d$weights)
    p <- fitted(suppressWarnings(glm(treated ~ . - boot, binomial, d$frame, weights = boot)))
    w <- d$frame$boot * ifelse(d$treated == 1, 1 / p, 1 / (1 - p))
    coef(coxph(Surv(d$time, d$event) ~ d$treated, weights = w, robust = FALSE))
  },
  balance = function(d) {
    scale <- sqrt((apply(d$x[d$treated == 1, ], 2, var) + apply(d$x[d$treated == 0, ], 2, var)) / 2)
    both <- list(balance(d$x, d$treated, rep(1, d$n)), balance(d$x, d$treated, d$weights))
    unlist(lapply(both, function(b) { b[1, ] <- b[1, ] / scale; t(b) }))
  }
)

input <- file("stdin", "r")
while (length(line <- readLines(input, n = 1)) > 0) {
  word <- strsplit(line, " ")[[1]]
  load_cohort(word[2], as.integer(word[3]), as.integer(word[4]))
  gc(full = TRUE)
  seconds <- Inf
  for (again in seq_len(as.integer(word[5]))) {
    start <- Sys.time()
    value <- jobs[[word[1]]](cohort)
    seconds <- min(seconds, as.numeric(Sys.time() - start, units = "secs"))
  }
  cat(seconds, formatC(value, digits = 17, format = "g"), "\n"); flush(stdout())
}
