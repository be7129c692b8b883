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

# the table of what changes with the definition ------------------------------------------------------------------------
rt_start <- as.Date(d$rt_start); rt_end <- as.Date(d$rt_end)
first_of <- function(x) do.call(pmin, c(as.list(unname(x)), na.rm = TRUE))
of_deaths <- d["death_date"]; of_any <- dates$dfs; of_distant <- d[c("distant_met_date", "death_date")]
same <- d$dx_date
DEFINITIONS <- list(
  steep = list(events = list(dfs = of_any, dmfs = of_distant), origin = same, entry = same),
  from_radiotherapy = list(events = dates, origin = rt_start, entry = rt_start),
  delayed_entry = list(events = dates, origin = same, entry = rt_end),
  landmark = list(events = dates, origin = rt_end, entry = rt_end + 3 * MONTH))
whole <- d
rescore <- function() {      # the score of those who are left
  score <<- glm(SCORE, binomial, d, control = GLM_CONTROL); X <<- model.matrix(score); p <<- fitted(score); logit <<- score$linear.predictors; treated <<- d$a == 1
  H <<- crossprod(X * sqrt(p * (1 - p))); d$w <<- ifelse(treated, 1 / p, 1 / (1 - p))
}
definitions <- function() {
  years <- list(); kept <- list()
  for (e in ENDPOINTS) { years[[e]] <- sum(whole[[paste0(e, "_time")]]) / 12; put(sprintf("definitions.main.%s.person_years", e), years[[e]]) }
  all_endpoints <- ENDPOINTS
  for (name in names(DEFINITIONS)) { one <- DEFINITIONS[[name]]; for (e in names(one$events)) {
    happened <- first_of(one$events[[e]]); event <- !is.na(happened) & happened <= end
    stop <- as.numeric(ifelse(event, happened, end)); from <- as.numeric(one$origin); came <- as.numeric(one$entry)
    seen <- stop > from & stop > came
    k <- paste(name, e, sep = "."); id <- function(what) paste("definitions", k, what, sep = ".")
    d <<- whole; d[[paste0(k, "_time")]] <<- (stop - from) / MONTH; d[[paste0(k, "_entry")]] <<- (came - from) / MONTH; d[[paste0(k, "_event")]] <<- as.integer(event)
    d <<- d[seen, ]; rescore(); time <- sum(d[[paste0(k, "_time")]] - d[[paste0(k, "_entry")]]) / 12
    put(id("n"), sum(seen)); put(id("dropped"), sum(!seen)); put(id("events"), sum(event[seen]), n = sum(seen))
    put(id("person_years"), time); put(id("person_years_change"), time - years[[e]])
    ENDPOINTS <<- k; held <- ID; unadjusted(); weighted(); made <- ID; ID <<- held; ENDPOINTS <<- all_endpoints
    for (w in c("unadjusted", "weighted")) for (what in c("control.rate", "treated.rate", "hazard_ratio")) ID[[id(paste(w, what, sep = "."))]] <<- made[[paste(k, w, what, sep = ".")]]
  } }
  d <<- whole; rescore(); definition_findings()
}
definition_findings <- function() {      # every comparison beside that of the plan; the widest crosses .05, or is most times off
  for (e in ENDPOINTS) d[[paste0(e, "_entry")]] <<- 0
  held <- ID; unadjusted(); weighted(); made <- ID; ID <<- held; pairs <- NULL
  for (name in names(DEFINITIONS)) for (e in names(DEFINITIONS[[name]]$events)) for (w in c("unadjusted", "weighted")) {
    a <- made[[sprintf("%s.%s.hazard_ratio", e, w)]]; b <- ID[[sprintf("definitions.%s.%s.%s.hazard_ratio", name, e, w)]]
    pairs <- rbind(pairs, data.frame(planned = a$value, planned_p = a$p_value, other = b$value, other_p = b$p_value))
  }
  crosses <- (pairs$planned_p < .05) != (pairs$other_p < .05); factor <- exp(abs(log(pairs$other / pairs$planned))); off <- crosses | factor > 1.2
  id <- function(what) paste0("findings.definitions_differ.", what); if (any(off)) put(id("off"), sum(off)); put(id("compared"), nrow(pairs))
  worst <- pairs[order(-crosses, -factor)[1], ]; for (k in names(pairs)) put(id(k), worst[[k]])
}

cat("34_definitions\n")
for (topic in c("follow_up", "overall", "groups", "cox_models", "balance", "unadjusted", "matched", "stability", "weighted", "subgroups", "alternatives", "weighted_groups"))
  eval(substitute(gold(key, D, numbers_of(f)), list(key = paste0("late_entry_", topic), f = as.name(topic))))
gold("definitions", D, numbers_of(definitions))
save_gold("definitions.json")
