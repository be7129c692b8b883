# Further references for curves and tests; needs R with survival and jsonlite only:
# cd tests/golden/r && REF_OUT=../values Rscript 13_curves_and_tests.R
source("./common.R")
cat("13_curves_and_tests\n")
s <- "stats"
n <- seq_len(nrow(aml))
aml$entry <- ifelse(n %% 3 == 0, floor(aml$time / 2), 0)
aml$w <- 0.5 + (n %% 5) / 4
aml$centre <- n %% 4
gold("km_lung_by_sex_log-log", "lung", km_curve(survfit(Surv(time, status == 2) ~ sex, data = lung, conf.type = "log-log", conf.int = .9)))
gold("km_entry", "aml + entry", km_curve(survfit(Surv(entry, time, status) ~ 1, data = aml)))
gold("km_entry_weights", "aml + entry + w", km_curve(survfit(Surv(entry, time, status) ~ 1, data = aml, weights = w, robust = TRUE, id = seq_along(w))))
gold("km_entry_weights_cluster", "aml + entry + w + centre", km_curve(survfit(Surv(entry, time, status) ~ 1, data = aml, weights = w, robust = TRUE, id = seq_along(w), cluster = centre)))
gold("km_weights_cluster_logit", "aml + w + centre", km_curve(survfit(Surv(time, status) ~ 1, data = aml, weights = w, robust = TRUE, cluster = centre, conf.type = "logit")))
gold("km_times_from_dates", "inline", { d <- data.frame(t = c(0.1 + 0.2, 0.3, 1, 1 + 1e-12, 2), s = c(1, 1, 0, 1, 1)); km_curve(survfit(Surv(t, s) ~ 1, data = d)) }, note = "timefix: times equal up to rounding are ties")
gold("lr_veteran_strat_rho05", "veteran", { f <- survdiff(Surv(time, status) ~ trt + strata(celltype), data = veteran, rho = .5); list(obs = arr(rowSums(f$obs)), exp = arr(rowSums(f$exp)), var = unname(f$var), chisq = f$chisq) })
gold("lr_entry_exact_score", "aml + entry", list(chisq = coxph(Surv(entry, time, status) ~ x, data = aml, ties = "exact")$score), note = "score test of the exact Cox model = log-rank test")
gold("lr_entry_strat_exact_score", "aml + entry + centre", list(chisq = coxph(Surv(entry, time, status) ~ x + strata(centre), data = aml, ties = "exact")$score))
fisher <- function(rows, x) { m <- matrix(x, rows); list(table = m, p = fisher.test(m, workspace = 2e8)$p.value) }
gold("fisher_3x5", "inline, n = 146", fisher(3, c(28, 24, 18, 19, 15, 6, 8, 8, 4, 2, 7, 1, 3, 2, 1)), s)
gold("fisher_3x5_even", "inline, n = 146", fisher(3, c(8, 7, 15, 10, 12, 7, 12, 9, 8, 7, 13, 9, 12, 8, 9)), s)
gold("fisher_4x3", "inline, n = 146", fisher(4, c(17, 13, 16, 14, 15, 18, 12, 5, 8, 9, 8, 11)), s)
gold("fisher_2x5", "inline, n = 146", fisher(2, c(21, 9, 14, 15, 17, 12, 13, 16, 15, 14)), s)
gold("fisher_2x6_rare", "inline, n = 146", fisher(2, c(40, 20, 20, 30, 10, 1, 2, 9, 7, 0, 1, 6)), s)
gold("fisher_4x5", "inline, n = 146", fisher(4, c(9, 9, 4, 8, 7, 8, 5, 9, 10, 4, 8, 7, 4, 9, 10, 6, 7, 7, 9, 6)), s)
gold("fisher_4x5_uneven", "inline, n = 146", fisher(4, c(31, 11, 4, 4, 26, 9, 4, 1, 18, 6, 4, 2, 11, 3, 4, 2, 4, 1, 0, 1)), s)
gold("fisher_4x5_skewed", "inline, n = 146", fisher(4, c(40, 13, 9, 8, 10, 14, 8, 8, 5, 9, 4, 2, 4, 3, 1, 2, 1, 1, 2, 2)), s)
welch <- function(f, d) { h <- oneway.test(f, data = d); list(statistic = h$statistic[[1]], parameter = arr(h$parameter), p = h$p.value) }
gold("welch_two_groups", "veteran", c(welch(karno ~ trt, veteran), t_p = t.test(karno ~ trt, data = veteran)$p.value), s)
gold("welch_four_groups", "veteran", welch(karno ~ celltype, veteran), s)
gold("wilson", "inline", lapply(list(c(0, 5, .9), c(1, 7, .99), c(52, 146, .95), c(146, 146, .8)), function(v) list(count = v[1], total = v[2], confidence = v[3], limits = arr(suppressWarnings(prop.test(v[1], v[2], conf.level = v[3], correct = FALSE))$conf.int))), s)
gold("holm", "inline", { p <- c(.04, .01, .04, .9, 0, .012, 1); list(p = arr(p), holm = arr(p.adjust(p, "holm"))) }, s)
save_gold("curves_and_tests.json")
