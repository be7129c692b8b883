# Where the disease of the bundled study came back first, from the raw table: sites within 30 days of the first
# recurrence are told together. In this folder: REF_OUT=../values Rscript 37_endpoints.R
source("./common.R")
D <- "src/counterpoise/examples/imn/imn_screened.csv"
CUTOFF <- as.Date("2023-05-31")
DAYS <- 30
raw <- read.csv(file.path("../../..", D), na.strings = "")
d <- with(raw, raw[!(supraclavicular_met == 1 | bilateral == 1 | cM == "M1" | distant_met_at_dx == 1 | excisional_biopsy_before_nac == 1 |
  prior_malignancy == 1 | curative_surgery != 1 | nac_completed != 1 | rt_completed != 1 | is.na(last_followup_date)), ])
ARMS <- list(all = rep(TRUE, nrow(d)), control = d$imn_boost == 0, treated = d$imn_boost == 1)
KINDS <- c("", "l", "r", "lr", "d", "ld", "rd", "lrd")

first_sites <- function() {
  came <- sapply(c(l = "local_recurrence_date", r = "regional_recurrence_date", d = "distant_met_date"), function(v) {
    day <- as.Date(d[[v]])
    as.numeric(ifelse(day > CUTOFF, NA, day))
  })
  kind <- apply(came, 1, function(x) paste(names(x)[!is.na(x) & x - suppressWarnings(min(x, na.rm = TRUE)) <= DAYS], collapse = ""))
  found <- list()
  for (arm in names(ARMS)) for (i in seq_along(KINDS)) {
    found[[sprintf("first_site.%s.s%d", arm, i - 1)]] <- list(value = sum(kind[ARMS[[arm]]] == KINDS[i]))
  }
  found
}

cat("37_endpoints\n")
gold("first_sites", D, first_sites(), "base")
save_gold("endpoints.json")
