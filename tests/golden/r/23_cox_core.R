# Cox models, line by line: each treatment of ties, weights, strata, entry, clusters and offset on at least three data
# sets that come with survival, MASS or coxphf; and Therneau's three hand-worked sets at the start, after one step and
# at the end. Iterations run to the limit of double precision. Writes cox_core.json.
source("./common.R")
cat("23_cox_core\n")
TIGHT <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 40)
TIES <- c("efron", "breslow")
lung <- subset(survival::lung, !is.na(ph.ecog)); veteran <- survival::veteran; heart <- survival::heart
cgd <- survival::cgd; bladder2 <- survival::bladder2; kidney <- survival::kidney
retinopathy <- survival::retinopathy; ovarian <- survival::ovarian
melanoma <- read.csv("../data/Melanoma.csv"); breast <- read.csv("../data/breast_coxphf.csv")
mgus2 <- subset(survival::mgus2, !is.na(hgb) & !is.na(creat))
colon <- subset(survival::colon, !is.na(nodes))
kidney$sick <- factor(kidney$disease, levels = c("Other", "GN", "AN", "PKD"))
rott <- survival::rotterdam
rott$half <- ceiling(rott$dtime / 182.625) * 6 + 1
rott$lnodes <- log1p(rott$nodes)
number <- function(d) seq_len(nrow(d))
fraction <- function(d) 0.5 + (number(d) %% 5) / 4
whole <- function(d) 1 + number(d) %% 3
for (name in c("lung", "veteran", "melanoma", "heart", "cgd", "kidney")) {
  d <- get(name); d$fraction <- fraction(d); d$whole <- whole(d); assign(name, d)
}
MODEL <- list(
  lung = list("survival::lung without missing ph.ecog", Surv(time, status == 2) ~ age + sex + ph.ecog),
  veteran = list("survival::veteran", Surv(time, status) ~ trt + karno + age),
  melanoma = list("MASS::Melanoma", Surv(time, status == 1) ~ sex + age + thickness + ulcer),
  ovarian = list("survival::ovarian", Surv(futime, fustat) ~ age + rx),
  breast = list("coxphf::breast", Surv(TIME, CENS) ~ T + N),
  kidney = list("survival::kidney", Surv(time, status) ~ age + sex),
  heart = list("survival::heart", Surv(start, stop, event) ~ age + year + surgery + transplant),
  cgd = list("survival::cgd", Surv(tstart, tstop, status) ~ treat + age + inherit),
  bladder2 = list("survival::bladder2", Surv(start, stop, event) ~ rx + number + size),
  retinopathy = list("survival::retinopathy", Surv(futime, status) ~ trt + age + risk),
  colon = list("survival::colon without missing nodes", Surv(time, status) ~ rx + nodes),
  rotterdam_half_years = list("survival::rotterdam, half = ceiling(dtime / 182.625) * 6 + 1", Surv(half, death) ~ hormon + age + lnodes),
  lung_by_age = list("survival::lung, on the scale of age", Surv(age * 365.25, age * 365.25 + time, status == 2) ~ sex + ph.ecog),
  mgus2_by_age = list("survival::mgus2 without missing hgb and creat, on the scale of age", Surv(age, age + futime / 12, death) ~ sex + hgb + creat),
  melanoma_by_age = list("MASS::Melanoma, on the scale of age", Surv(age, age + time / 365.25, status == 1) ~ sex + thickness + ulcer)
)
DATA_OF <- list(rotterdam_half_years = "rott", lung_by_age = "lung", mgus2_by_age = "mgus2", melanoma_by_age = "melanoma")
fits <- function(line, names, ..., ties = TIES) {
  more <- as.list(substitute(list(...)))[-1]
  for (name in names) for (tied in ties) {
    frame <- as.name(if (is.null(DATA_OF[[name]])) name else DATA_OF[[name]])
    model <- MODEL[[name]][[2]]
    extra <- more
    if (!is.null(extra$update)) { model <- update(model, extra$update); extra$update <- NULL }
    call <- as.call(c(list(as.name("coxph"), model, frame, ties = tied), extra, list(control = as.name("TIGHT"))))
    key <- paste(line, name, tied, sep = "_"); about <- MODEL[[name]][[1]]
    eval(bquote(gold(.(key), .(about), cox_out(.(call)))))
  }
}
fits("ties", c("lung", "veteran", "melanoma", "ovarian", "breast"))
fits("fraction", c("lung", "veteran", "melanoma"), weights = fraction, robust = TRUE)
fits("fraction", c("heart", "cgd"), weights = fraction, cluster = id)
fits("whole", c("lung", "veteran", "kidney"), weights = whole)
fits("strata", "veteran", update = . ~ . + strata(celltype))
fits("strata", "kidney", update = . ~ . + strata(sick))
fits("strata", "lung", update = . ~ . - sex + strata(sex))
fits("strata", "cgd", update = . ~ . + strata(hos.cat))
fits("strata_robust", "veteran", update = . ~ . + strata(celltype), robust = TRUE)
fits("strata_robust", "kidney", update = . ~ . + strata(sick), cluster = id)
fits("strata_robust", "lung", update = . ~ . - sex + strata(sex), robust = TRUE)
fits("stop", c("heart", "cgd", "bladder2"))
fits("entry", c("lung_by_age", "mgus2_by_age", "melanoma_by_age"))
fits("robust", c("lung", "veteran", "melanoma"), robust = TRUE)
fits("cluster", c("kidney", "retinopathy", "cgd", "bladder2", "colon"), cluster = id)
fits("cluster", "rotterdam_half_years", cluster = year)
fits("all", "heart", update = . ~ . - surgery + strata(surgery), weights = fraction, cluster = id)
fits("all", "cgd", update = . ~ . + strata(hos.cat), weights = fraction, cluster = id)
fits("all", "melanoma_by_age", update = . ~ . - sex + strata(sex), weights = fraction, cluster = year)
fits("offset", "lung", update = . ~ . + offset(age / 50) - age)
fits("offset", "veteran", update = . ~ . + offset(0.1 * diagtime))
fits("offset", "melanoma", update = . ~ . + offset(age / 50 - 1) - age)
fits("offset_robust", "lung", update = . ~ . + offset(age / 50) - age, robust = TRUE)
fits("offset_robust", "veteran", update = . ~ . + offset(0.1 * diagtime), robust = TRUE)
fits("offset", "cgd", update = . ~ . + offset(weight / 40), weights = fraction, cluster = id)
# coxph's own robust score test takes the linear predictor of the null model as zero, offset or not
rscore <- function(f, ...) { u <- resid(f, "score", weighted = TRUE, ...); s <- colSums(u); drop(s %*% solve(crossprod(u), s)) }
START <- coxph.control(iter.max = 0)
for (tied in TIES) {
  tag <- function(k) paste("offset_score", k, tied, sep = "_")
  eval(bquote(gold(.(tag("lung")), "survival::lung without missing ph.ecog", rscore(coxph(Surv(time, status == 2) ~ sex + ph.ecog + offset(age / 50), lung, ties = .(tied), control = START)))))
  eval(bquote(gold(.(tag("veteran")), "survival::veteran", rscore(coxph(Surv(time, status) ~ trt + karno + age + offset(0.1 * diagtime), veteran, ties = .(tied), control = START)))))
  eval(bquote(gold(.(tag("cgd")), "survival::cgd", rscore(coxph(Surv(tstart, tstop, status) ~ treat + age + inherit + offset(weight / 40), cgd, weights = fraction, ties = .(tied), control = START), collapse = cgd$id))))
}

# Therneau and Grambsch (2000), appendix E
first <- data.frame(time = c(1, 1, 6, 6, 8, 9), status = c(1, 0, 1, 1, 0, 1), x = c(1, 1, 1, 0, 0, 0))
second <- data.frame(start = c(1, 2, 5, 2, 1, 7, 3, 4, 8, 8), stop = c(2, 3, 6, 7, 8, 9, 9, 9, 14, 17), status = c(1, 1, 1, 1, 1, 1, 1, 0, 0, 0), x = c(1, 0, 0, 1, 0, 1, 1, 1, 0, 0))
third <- data.frame(time = c(1, 1, 2, 2, 2, 2, 3, 4, 5), status = c(1, 0, 1, 1, 1, 0, 0, 1, 0), x = c(2, 0, 1, 1, 0, 1, 0, 1, 0), wt = c(1, 2, 3, 4, 3, 2, 1, 2, 1))
at <- function(steps) if (is.infinite(steps)) TIGHT else coxph.control(iter.max = steps, eps = 1e-14, toler.chol = 1e-15)
worked <- function(f) list(coef = unname(coef(f)), loglik = arr(f$loglik), information = 1 / f$var[1, 1], score_test = f$score,
  score = sum(resid(f, "score", weighted = TRUE)), martingale = arr(resid(f, "martingale")), score_residual = arr(resid(f, "score")), schoenfeld = arr(resid(f, "schoenfeld")))
for (tied in TIES) for (steps in c(0, 1, Inf)) {
  tag <- function(k) paste("worked", k, tied, if (is.infinite(steps)) "end" else steps, sep = "_")
  eval(bquote(gold(.(tag("first")), "Therneau_Grambsch_E1 (Modeling Survival Data, appendix E.1)", worked(coxph(Surv(time, status) ~ x, first, ties = .(tied), control = at(.(steps)))))))
  eval(bquote(gold(.(tag("second")), "Therneau_Grambsch_E2 (Modeling Survival Data, appendix E.2)", worked(coxph(Surv(start, stop, status) ~ x, second, ties = .(tied), control = at(.(steps)))))))
  eval(bquote(gold(.(tag("third")), "Therneau_Grambsch_E3 (Modeling Survival Data, appendix E.3)", worked(coxph(Surv(time, status) ~ x, third, weights = wt, ties = .(tied), control = at(.(steps)))))))
}
for (steps in 0:2) eval(bquote(gold(.(paste0("steps_lung_", steps)), "survival::lung without missing ph.ecog", { f <- coxph(MODEL$lung[[2]], lung, control = at(.(steps))); list(coef = arr(coef(f)), vcov = unname(f$var), loglik = arr(f$loglik)) })))
for (steps in 0:2) eval(bquote(gold(.(paste0("steps_veteran_", steps)), "survival::veteran", { f <- coxph(MODEL$veteran[[2]], veteran, control = at(.(steps))); list(coef = arr(coef(f)), vcov = unname(f$var), loglik = arr(f$loglik)) })))
for (steps in 0:2) eval(bquote(gold(.(paste0("steps_melanoma_", steps)), "MASS::Melanoma", { f <- coxph(MODEL$melanoma[[2]], melanoma, control = at(.(steps))); list(coef = arr(coef(f)), vcov = unname(f$var), loglik = arr(f$loglik)) })))
save_gold("cox_core.json")
