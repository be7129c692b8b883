# Competing risks: incidence, Gray's test, Fine-Gray, cause-specific hazards; needs survival, cmprsk and jsonlite:
# cd tests/golden/r && REF_OUT=../values Rscript 21_competing.R
source("./common.R"); suppressMessages(library(cmprsk))
cat("21_competing\n")
r <- rotterdam; r$time <- ifelse(r$recur == 1, r$rtime, r$dtime) / 30.4375; r$cause <- ifelse(r$recur == 1, 1, 2 * r$death)
r$lnodes <- log1p(r$nodes); r$size20 <- as.numeric(r$size == "20-50"); r$size50 <- as.numeric(r$size == ">50"); r$grp <- r$hormon
r$trt4 <- r$chemo + 2 * r$hormon; r$str <- as.integer(r$size)
g <- mgus2; g$time <- with(g, ifelse(pstat == 0, futime, ptime)); g$cause <- with(g, ifelse(pstat == 0, 2 * death, 1)); g$grp <- as.numeric(g$sex == "M"); g$str <- as.numeric(g$age > 70)
m <- read.csv("../data/Melanoma.csv"); m$cause <- c(1, 0, 2)[m$status]; m$grp <- m$ulcer; m$str <- m$sex; m$lthick <- log(m$thickness)
p <- pbc[1:312, ]; p$cause <- c(0, 2, 1)[p$status + 1]; p$grp <- p$trt; p$str <- as.numeric(p$sex == "f"); p$lbili <- log(p$bili)
t <- transplant[!is.na(transplant$age), ]; t$time <- t$futime; t$cause <- c(censored = 0, death = 2, ltx = 1, withdraw = 3)[as.character(t$event)]; t$grp <- match(as.character(t$abo), c("A", "AB", "B", "O")); t$str <- as.numeric(t$sex == "f")
prepare <- function(d) { i <- seq_len(nrow(d)); d$i <- i; d$w <- 0.5 + (i %% 5) / 4; d$site <- i %% 7; d$entry <- ifelse(i %% 3 == 0, floor(d$time / 2), 0); d$st <- factor(d$cause, 0:max(d$cause)); d }
D <- lapply(list(rotterdam = r, mgus2 = g, Melanoma = m, pbc = p, transplant = t), prepare)
at <- list(rotterdam = c(12, 36, 60, 120), mgus2 = c(6, 60, 120, 240), Melanoma = c(500, 1000, 2000, 3000), pbc = c(200, 1000, 2000, 4000), transplant = c(50, 100, 400, 1500))
made <- c(rotterdam = "rotterdam: time and cause of recurrence or death", mgus2 = "mgus2: time and cause of malignancy or death", Melanoma = "Melanoma: 1 melanoma, 2 other", pbc = "pbc, 312 randomised: 1 death, 2 transplant", transplant = "transplant, age known: 1 transplant, 2 death, 3 withdrawn")
# pmin and pmax drop the dimensions of the arcsine limits
aj <- function(f, times) { for (v in c("lower", "upper")) dim(f[[v]]) <- dim(f$pstate); s <- summary(f, times = times, extend = TRUE); list(time = arr(s$time), strata = if (!is.null(s$strata)) arr(as.character(s$strata)) else NULL, n_risk = arr(s$n.risk[, 1]), pstate = unname(s$pstate), std_err = unname(s$std.err), lower = unname(s$lower), upper = unname(s$upper)) }
# survfit of survival 3.5-3 takes `cluster` and leaves it unused: the influence values are summed here
clustered <- function(d, times) { d <- d[d$time > 0, ]; f <- survfit(Surv(time, st) ~ 1, data = d, weights = w, id = i, influence = TRUE)
  u <- d$w * f$influence.pstate[, vapply(times, function(s) max(which(c(0, f$time) <= s)), 1), ]; alone <- sqrt(apply(u^2, 2:3, sum))
  stopifnot(all.equal(unname(alone), unname(summary(f, times = times, extend = TRUE)$std.err))); within <- apply(u, 2:3, function(v) rowsum(v, d$site))
  list(time = arr(times), pstate = unname(summary(f, times = times, extend = TRUE)$pstate), std_err = unname(sqrt(apply(within^2, 2:3, sum)))) }
as_gold <- function(key, name, expr, pkgs = "survival") eval(bquote(gold(.(key), .(made[[name]]), .(expr), pkgs = .(pkgs))), globalenv())
both <- c("survival", "cmprsk")
for (k in names(D)) {
  d <- D[[k]]; times <- at[[k]]
  for (type in c("log", "log-log", "plain", "logit", "arcsin")) as_gold(paste("aj", k, type, sep = "_"), k, bquote(aj(survfit(Surv(time, st) ~ 1, data = D[[.(k)]], conf.type = .(type)), .(times))))
  as_gold(paste0("aj_", k, "_groups"), k, bquote(aj(survfit(Surv(time, st) ~ grp, data = D[[.(k)]]), .(times))))
  as_gold(paste0("aj_", k, "_weights"), k, bquote(aj(survfit(Surv(time, st) ~ 1, data = D[[.(k)]], weights = w), .(times))))
  as_gold(paste0("aj_", k, "_cluster"), k, bquote(clustered(D[[.(k)]], .(times))))
  as_gold(paste0("aj_", k, "_entry"), k, bquote(aj(survfit(Surv(entry, time, st) ~ 1, data = D[[.(k)]][D[[.(k)]]$time > D[[.(k)]]$entry, ], id = i), .(times))))
  if (k != "rotterdam") as_gold(paste0("aj_", k, "_rmean"), k, bquote(mat(summary(survfit(Surv(time, st) ~ 1, data = subset(D[[.(k)]], time > 0), influence = TRUE), rmean = .(times[4]))$table)))
  cu <- function(ci, times) { tp <- timepoints(ci, times); list(est = mat(tp$est), var = mat(tp$var), tests = if (is.null(ci$Tests)) NULL else mat(ci$Tests)) }
  as_gold(paste0("cuminc_", k), k, bquote(with(D[[.(k)]], cu(cuminc(time, cause), .(times)))), "cmprsk")
  as_gold(paste0("cuminc_", k, "_groups"), k, bquote(with(D[[.(k)]], cu(cuminc(time, cause, grp), .(times)))), "cmprsk")
  as_gold(paste0("gray_", k, "_strata"), k, bquote(with(D[[.(k)]], mat(cuminc(time, cause, grp, str)$Tests))), "cmprsk")
  as_gold(paste0("gray_", k, "_rho"), k, bquote(with(D[[.(k)]], mat(cuminc(time, cause, grp, rho = 1)$Tests))), "cmprsk")
  as_gold(paste0("gray_", k, "_rho_strata"), k, bquote(with(D[[.(k)]], mat(cuminc(time, cause, grp, str, rho = .5)$Tests))), "cmprsk")
}
gold("cuminc_rotterdam_trt4", made[["rotterdam"]], with(D$rotterdam, mat(cuminc(time, cause, trt4)$Tests)), pkgs = "cmprsk")
X <- list(rotterdam = c("hormon", "age", "lnodes", "size20", "size50"), mgus2 = c("age", "grp"), Melanoma = c("sex", "age", "lthick", "ulcer"), pbc = c("age", "lbili", "edema", "grp"), transplant = c("age", "str"))
# crr's line search ends before its last digits: three more of its Newton steps. At time 0 its G(t-) is G(0): left out
tight <- function(d, x, of, ...) { d <- d[d$time > 0, ]; g <- function(...) crr(d$time, d$cause, as.matrix(d[, x]), failcode = of, ...)
  f <- g(...); for (step in 1:3) f <- g(init = c(f$coef + f$invinf %*% f$score), maxiter = 0, ...); f }
crr_out <- function(f, rows, times) { q <- predict(f, rows); list(coef = arr(f$coef), var = unname(f$var), loglik = f$loglik, loglik_null = f$loglik.null, inf = unname(f$inf), n_jumps = length(f$bfitj), cumulative = sum(f$bfitj), profiles = unname(rows), times = arr(times), predicted = unname(sapply(times, function(s) { k <- which(q[, 1] <= s); if (length(k)) q[max(k), -1] else 0 * q[1, -1] }))) }
fits <- list(c("rotterdam", 1), c("rotterdam", 2), c("mgus2", 1), c("mgus2", 2), c("Melanoma", 1), c("pbc", 1), c("pbc", 2), c("transplant", 2))
for (v in fits) { k <- v[1]; of <- as.numeric(v[2]); key <- paste("crr", k, of, sep = "_")
  as_gold(key, k, bquote(crr_out(tight(D[[.(k)]], X[[.(k)]], .(of)), unname(as.matrix(D[[.(k)]][c(1, 50), X[[.(k)]]])), .(at[[k]]))), "cmprsk") }
for (k in c("mgus2", "Melanoma", "pbc", "transplant")) as_gold(paste0("crr_", k, "_cengroup"), k, bquote(crr_out(tight(D[[.(k)]], X[[.(k)]], 1, cengroup = D[[.(k)]]$grp[D[[.(k)]]$time > 0]), unname(as.matrix(D[[.(k)]][c(1, 50), X[[.(k)]]])), .(at[[k]]))), "cmprsk")
exact <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 40)
fg <- function(d, x, weighted, init = NULL) { d$etime <- d$time; d <- d[d$time > 0, ]
  e <- if (weighted) finegray(Surv(etime, st) ~ ., data = d[, c("etime", "st", "i", "site", x)], weights = d$w) else finegray(Surv(etime, st) ~ ., data = d[, c("etime", "st", "i", "site", x)])
  form <- reformulate(x, "Surv(fgstart, fgstop, fgstatus)")
  f <- coxph(form, data = e, weights = fgwt, cluster = i, ties = "breslow", control = exact); h <- coxph(form, data = e, weights = fgwt, cluster = site, ties = "breslow", control = exact)
  list(coef = arr(coef(f)), var = unname(f$var), naive = unname(f$naive.var), loglik = arr(f$loglik), score = f$score, rscore = as.numeric(f$rscore), wald = as.numeric(f$wald.test), clustered = unname(h$var), clustered_rscore = as.numeric(h$rscore)) }
for (k in names(D)) for (weighted in c(FALSE, TRUE)) as_gold(paste0("finegray_", k, if (weighted) "_weights"), k, bquote(fg(D[[.(k)]], X[[.(k)]], .(weighted))))
for (k in names(D)) as_gold(paste0("finegray_", k, "_group"), k, bquote(fg(transform(D[[.(k)]], g1 = as.numeric(grp == max(grp))), "g1", TRUE)))
for (k in names(D)) as_gold(paste0("csh_", k), k, bquote(lapply(setNames(nm = levels(D[[.(k)]]$st)[-1]), function(s) { f <- coxph(reformulate(X[[.(k)]], "Surv(time, st == s)"), data = D[[.(k)]], control = exact); list(coef = arr(coef(f)), var = unname(f$var), loglik = arr(f$loglik)) })))
for (k in names(D)) as_gold(paste0("csh_", k, "_weights"), k, bquote(lapply(setNames(nm = levels(D[[.(k)]]$st)[-1]), function(s) { f <- coxph(reformulate(X[[.(k)]], "Surv(time, st == s)"), data = D[[.(k)]], weights = w, cluster = i, control = exact); list(coef = arr(coef(f)), var = unname(f$var)) })))
save_gold("competing.json")
