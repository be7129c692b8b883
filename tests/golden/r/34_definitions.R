# The study of src/counterpoise/examples/imn/study.toml under other definitions of its endpoints: every analysis of
# 16_imn_study.R with delayed entry, Surv(entry, time, event), and the table of what changes with the definition.
# Written from the plan, the methods pages and textbooks, not from the Python code. In this folder:
# REF_OUT=../values Rscript 34_definitions.R
script <- readLines("16_imn_study.R")
eval(parse(text = script[seq_len(grep("^cat\\(", script)[1] - 1)]))

# at the end of radiotherapy nobody had had an event, and what nobody enters after changes nothing: to try every analysis,
# entries are made up that lie between the events, up to half of the way to the end of a patient's own time
for (e in ENDPOINTS) d[[paste0(e, "_entry")]] <- d[[paste0(e, "_time")]] * (d$age %% 6) / 10
outcome <- function(e, rhs) reformulate(rhs, sprintf("Surv(%s_entry, %s_time, %s_event)", e, e, e))
# under delayed entry R's robust variances want to be told that each row is a patient of her own
d$pid <- seq_len(nrow(d))
survfit <- function(formula, ...) { call <- match.call(); call[[1]] <- quote(survival::survfit); if (inherits(formula, "formula")) call$id <- quote(pid); eval(call, parent.frame()) }
fit_cox <- function(e, rhs, data = d, ..., robust = FALSE) do.call("coxph", c(list(outcome(e, rhs), data = data, control = CONTROL), if (robust) list(cluster = quote(pid)), list(...)))
# the score test of a Cox model is the log-rank test where no events tie; R's survdiff refuses delayed entry
survdiff <- function(formula, data) list(chisq = coxph(formula, data)$score)
follow_up <- function() {
  q <- quantile(survfit(Surv(os_entry, os_time, 1 - os_event) ~ 1, data = d, conf.type = "log-log"), .5); t <- d$os_time
  put("follow_up.reverse", q$quantile, lower = unname(q$lower), upper = unname(q$upper))
  put("follow_up.observed", median(t)); put("follow_up.minimum", min(t)); put("follow_up.maximum", max(t)); put("follow_up.person_years", sum(t - d$os_entry) / 12)
}
robust_zph <- function(e, data, ...) {
  y <- paste0(e, "_time"); cuts <- sort(unique(data[[y]][died(e, data) == 1])); data$id <- seq_len(nrow(data))
  s <- survSplit(outcome(e, "."), data[c(paste0(e, "_entry"), y, paste0(e, "_event"), "a", "w", "pair", "id")], cut = cuts)
  km <- survfit(outcome(e, "1"), data); g <- stepfun(km$time, c(0, 1 - km$surv), right = TRUE)
  s$ag <- s$a * g(s[[y]])
  f <- do.call("coxph", list(outcome(e, "a + ag"), data = s, control = CONTROL, ...))
  wald(coef(f)[2], f$var[2, 2, drop = FALSE])
}
alternatives <- function() for (name in names(SCHEMES)) weighted_alternative(name, SCHEMES[[name]])   # none is doubly robust

cat("34_definitions\n")
for (topic in c("follow_up", "overall", "groups", "cox_models", "balance", "unadjusted", "matched", "stability", "weighted", "subgroups", "alternatives", "weighted_groups"))
  eval(substitute(gold(key, D, numbers_of(f)), list(key = paste0("late_entry_", topic), f = as.name(topic))))
save_gold("definitions.json")
