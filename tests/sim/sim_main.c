// The program: seeds, one scenario, or the search for a smaller one.
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char usage[] =
    "Usage: icesink_sim [--seeds FROM COUNT | --seed N | --scenario TEXT | --scenarios FILE] [--with TEXT]\n"
    "                   [--seconds S] [--verbose] [--shrink] [--expect-failure]\n\n"
    "  --seeds FROM COUNT  COUNT seeds from FROM on; 1 1000 unless told\n"
    "  --seconds S         as many seeds as S seconds have\n"
    "  --scenario TEXT     what a failure printed\n"
    "  --scenarios FILE    one on each line; # begins a comment\n"
    "  --with TEXT         changes every scenario, for example \"crash=0 hold=30000\"\n"
    "  --verbose           tell all that happens\n"
    "  --shrink            look for the smallest scenario that fails\n"
    "  --expect-failure    done when one fails, failed when none does\n";

enum { SHRINK_RUNS = 3000, LINE_MAX_SIZE = 1 << 14 };

typedef struct arguments {
  uint64_t from;
  uint64_t count;
  double seconds;
  const char *scenario;
  const char *scenarios;
  const char *with;
  bool verbose;
  bool shrink;
  bool expect_failure;
} arguments;

/// What all runs come to.
typedef struct totals {
  uint64_t runs;
  uint64_t stopped;
  int64_t commits;
  uint64_t digest;
} totals;

static bool parse_number(const char *text, uint64_t *out) {
  char *end;
  *out = strtoull(text ? text : "", &end, 10);
  return text && *text != '\0' && *end == '\0';
}

// An option with its values; gives the number of words, 0 where it is none.
static int parse_option(char **words, int left, arguments *out) {
  const struct {
    const char *name;
    bool *flag;
    const char **text;
  } options[] = {{"--verbose", &out->verbose, NULL},
                 {"--shrink", &out->shrink, NULL},
                 {"--expect-failure", &out->expect_failure, NULL},
                 {"--scenario", NULL, &out->scenario},
                 {"--scenarios", NULL, &out->scenarios},
                 {"--with", NULL, &out->with}};
  uint64_t number;
  for (size_t i = 0; i < ICE_COUNT_OF(options); i++) {
    if (strcmp(words[0], options[i].name) != 0) {
      continue;
    }
    if (options[i].flag) {
      *options[i].flag = true;
      return 1;
    }
    *options[i].text = left > 1 ? words[1] : NULL;
    return left > 1 ? 2 : 0;
  }
  if (strcmp(words[0], "--seed") == 0 && left > 1 && parse_number(words[1], &out->from)) {
    out->count = 1;
    return 2;
  }
  if (strcmp(words[0], "--seconds") == 0 && left > 1 && parse_number(words[1], &number)) {
    out->seconds = (double)number;
    out->count = UINT64_MAX;
    return 2;
  }
  return strcmp(words[0], "--seeds") == 0 && left > 2 && parse_number(words[1], &out->from) &&
                 parse_number(words[2], &out->count)
             ? 3
             : 0;
}

static bool parse_arguments(int count, char **words, arguments *out) {
  *out = (arguments){.from = 1, .count = 1000};
  for (int i = 1; i < count;) {
    int taken = parse_option(&words[i], count - i, out);
    if (taken == 0) {
      return false;
    }
    i += taken;
  }
  return true;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// One run; false where it fails.
static bool run_one(const arguments *options, sim_scenario *scenario, totals *all) {
  static sim world;
  static char text[SIM_TEXT_MAX];
  bool good = sim_run(&world, scenario, options->verbose);
  all->runs++;
  all->commits += world.commits;
  all->stopped += world.stopped[0] != '\0';
  all->digest = sim_hash(all->digest, 0, world.digest);
  if (!good) {
    sim_scenario_format(scenario, text, sizeof text);
    printf("seed %llu fails: --scenario \"%s\"\n  %s\n", (unsigned long long)scenario->seed, text, world.failure);
    if (options->shrink) {
      sim_shrink(&world, scenario, SHRINK_RUNS);
      sim_scenario_format(scenario, text, sizeof text);
      printf("smallest: --scenario \"%s\"\n  %s\n", text, world.failure);
    }
  }
  return good;
}

static bool run_seeds(const arguments *options, totals *all, bool *usable) {
  static sim_scenario scenario;
  double begin = now();
  for (uint64_t i = 0; i < options->count && (options->seconds <= 0 || now() - begin < options->seconds); i++) {
    sim_scenario_of_seed(options->from + i, &scenario);
    *usable = !options->with || sim_scenario_change(options->with, &scenario);
    if (!*usable || !run_one(options, &scenario, all)) {
      return false;
    }
  }
  return true;
}

static bool run_line(const arguments *options, const char *line, totals *all, bool *usable) {
  static sim_scenario scenario;
  *usable = sim_scenario_parse(line, &scenario) && (!options->with || sim_scenario_change(options->with, &scenario));
  return *usable && run_one(options, &scenario, all);
}

static bool run_file(const arguments *options, totals *all, bool *usable) {
  static char line[LINE_MAX_SIZE];
  bool good = true;
  FILE *file = fopen(options->scenarios, "r");
  *usable = file != NULL;
  if (!file) {
    perror(options->scenarios);
    return false;
  }
  while (good && fgets(line, sizeof line, file)) {
    line[strcspn(line, "#\n")] = '\0';
    if (line[strspn(line, " ")] != '\0') {
      good = run_line(options, line, all, usable);
    }
  }
  fclose(file);
  return good;
}

static int run(const arguments *options) {
  totals all = {0};
  bool usable = true;
  double begin = now();
  bool good = options->scenario    ? run_line(options, options->scenario, &all, &usable)
              : options->scenarios ? run_file(options, &all, &usable)
                                   : run_seeds(options, &all, &usable);
  if (!usable) {
    return 2;
  }
  printf("%llu runs, %.0f a second; %lld epochs committed, %llu runs ended by a policy, digest %016llx\n",
         (unsigned long long)all.runs, (double)all.runs / (now() - begin), (long long)all.commits,
         (unsigned long long)all.stopped, (unsigned long long)all.digest);
  if (options->expect_failure) {
    printf("%s\n", good ? "nothing was caught" : "caught");
  }
  return good == options->expect_failure;
}

int main(int count, char **words) {
  arguments options;
  if (!parse_arguments(count, words, &options)) {
    fputs(usage, stderr);
    return 2;
  }
  if (!sim_pipelines_open()) {
    return 2;
  }
  int result = run(&options);
  sim_pipelines_close();
  sim_release_stacks();
  return result;
}
