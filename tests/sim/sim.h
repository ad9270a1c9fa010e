/// The simulator: the real sink loop (ice_sink_run), several of them at once, over a broker, a catalog, a store and a disk
/// that fail by a seed's choice. One thread, virtual time, nothing from outside the seed. README.md says which file does what.
#ifndef ICE_TESTS_SIM_H
#define ICE_TESTS_SIM_H

#include "catalog/catalog_memory.h"
#include "ingest/ingest.h"
#include "runtime/sink.h"
#include <ucontext.h>

enum {
  SIM_SLOTS = 4,
  SIM_PARTITIONS_MAX = 4,
  SIM_OFFSETS_MAX = 400,
  SIM_ELEMENTS_MAX = 3,
  SIM_TABLES = 3,
  SIM_EVENTS_MAX = 512,
  SIM_FIRED_MAX = 4096,
  SIM_DROPS_MAX = 1024,
  SIM_PLANS = 8,
  SIM_TEXT_MAX = 1 << 14
};

// What may happen -----------------------------------------------------------------------------------------------------

/// Kinds of trouble. Each has a rate in the scenario, and each occurrence a number, so that one can be left out.
typedef enum sim_kind {
  SIM_CRASH,           ///< kill -9 before or after a call's effect
  SIM_PAUSE,           ///< SIGSTOP: not scheduled for a long time
  SIM_LOAD_FAILS,      ///< the catalog does not give a table
  SIM_STALE,           ///< the catalog gives a table as it was before its last commit
  SIM_CONFLICT,        ///< a commit is refused as a conflict
  SIM_REFUSE,          ///< a commit is refused for another reason
  SIM_LOSE,            ///< a commit never arrives, nobody knows
  SIM_REPLY_LOST,      ///< a commit is applied, nobody knows
  SIM_HOLD,            ///< a commit arrives late, its sender hears nothing
  SIM_REPEAT,          ///< a commit arrives twice, its sender hears of the second time
  SIM_TEAR_LEAD,       ///< of a commit of several tables the lead's part is lost
  SIM_TEAR_FOLLOWER,   ///< … the followers' parts are lost
  SIM_STORE_FAILS,     ///< a call of the store fails
  SIM_STORE_UNKNOWN,   ///< an object becomes durable, its writer hears of a failure
  SIM_SPILL_FAILS,     ///< the disk under the spill file is full
  SIM_RANDOM_FAILS,    ///< the system gives no random bytes
  SIM_NO_MEMORY,       ///< an allocation fails
  SIM_SOURCE_FAILS,    ///< the broker cannot be reached
  SIM_SOURCE_CORRUPT,  ///< a fetch is damaged: a clean error
  SIM_POWER,          ///< from here on at a time, not at a call: the machine loses its power, and what was not synced
  SIM_KILL,           ///< kill -9
  SIM_STOP,           ///< a process is asked to stop, and another one started
  SIM_SUCCESSOR,      ///< another process of the sink starts beside those that run
  SIM_REBALANCE,      ///< the consumer group divides its partitions anew
  SIM_NEW_PARTITION,  ///< the topic gets one more
  SIM_RETENTION,      ///< the log's beginning is removed
  SIM_CUT,            ///< the log's end is cut off, as when a topic was recreated
  SIM_APPEND,         ///< a foreign writer appends
  SIM_COMPACT,        ///< … rewrites a table's files
  SIM_EXPIRE,         ///< … expires snapshots and deletes their files
  SIM_PROPERTY,       ///< … sets a property
  SIM_ROLL_BACK,      ///< … rolls the lead back
  SIM_RECREATE,       ///< … drops a table, and makes it anew a while later
  SIM_DAMAGE,         ///< … damages a property of the sink, and repairs it a while later
  SIM_KIND_COUNT
} sim_kind;

/// A scenario's numbers.
typedef enum sim_field {
  SIM_PROCESSES,     ///< that run at once
  SIM_GROUP,         ///< they share the topic as a consumer group
  SIM_ATOMIC,        ///< the catalog: 0 ordered, 1 atomic, 2 atomic, and some processes use it as if it were not
  SIM_PARTITIONS,    ///< at the beginning
  SIM_RECORDS,       ///< offsets that the log gets in all
  SIM_ROUTED,        ///< there is a third table, for routed rows
  SIM_PARTITIONED,   ///< the tables are
  SIM_SPAN_MS,       ///< how long things go wrong
  SIM_INTERVAL_MS,   ///< between commits
  SIM_LATENCY_US,    ///< of a call of the catalog, at most; the store's and the source's are parts of it
  SIM_PLAN_COUNT,    ///< configurations that processes start with
  SIM_START_LATEST,  ///< instead of earliest
  SIM_ON_ROLLBACK,   ///< an ice_rollback_policy
  SIM_SPILL,         ///< no memory: everything spills
  SIM_LEAD,          ///< 0: the data table; 1: the dead letters
  SIM_DISK,          ///< the store is the local one, on the simulated disk
  SIM_HIDDEN,        ///< the catalog shows the newest snapshot alone, without its parent
  SIM_SKEW_MS,       ///< how far the clocks of processes are apart, at most
  SIM_FIELD_COUNT
} sim_field;

typedef struct sim_drop {
  sim_kind kind;
  uint32_t number;
} sim_drop;

typedef struct sim_scenario {
  uint64_t seed;
  bool exactly;  ///< the numbers were given, not chosen by the seed
  int64_t fields[SIM_FIELD_COUNT];
  /// Of kinds at calls: occurrences in 100,000 opportunities; of kinds at times: how often.
  int64_t rates[SIM_KIND_COUNT];
  sim_drop drops[SIM_DROPS_MAX];
  uint32_t drop_count;
} sim_scenario;

const char *sim_kind_name(sim_kind kind);

/// What the seed makes of itself.
void sim_scenario_of_seed(uint64_t seed, sim_scenario *out);
/// Write the scenario as one line.
void sim_scenario_format(const sim_scenario *scenario, char *out, size_t size);
/// Read such a line; without the word "exactly" in front, what it does not name is as its seed chooses. False where a word is
/// not known; it is printed.
bool sim_scenario_parse(const char *text, sim_scenario *out);
/// Change a scenario by the words of such a line; without a seed among them.
bool sim_scenario_change(const char *text, sim_scenario *scenario);

// The world -----------------------------------------------------------------------------------------------------------

typedef struct sim sim;
typedef struct sim_process sim_process;

/// A configuration that a process may start with.
typedef struct sim_plan {
  bool strict;  ///< values above SIM_VALUE_STRICT are bad
  bool filter;  ///< elements of kind "noise" are filtered
  bool route;   ///< elements of kind "b" go to the routed table
} sim_plan;

typedef enum sim_event_kind {
  SIM_EVENT_PRODUCE,
  SIM_EVENT_TROUBLE,  ///< `trouble` says which
  SIM_EVENT_RELEASE,  ///< a held commit arrives
  SIM_EVENT_START,    ///< a process starts in `slot`
  SIM_EVENT_CREATE,   ///< a table that was dropped is made anew
  SIM_EVENT_REPAIR,   ///< a property that was damaged is repaired
  SIM_EVENT_SPAN      ///< the time of trouble is over; whoever schedules looks
} sim_event_kind;

typedef struct sim_event {
  int64_t at_us;
  sim_event_kind kind;
  sim_kind trouble;
  uint32_t number;
  uint32_t slot;
  int64_t count;
} sim_event;

typedef struct sim_log {
  int64_t start;
  int64_t end;
} sim_log;

typedef struct sim_catalog {
  ice_catalog base;
  sim_process *process;
} sim_catalog;

typedef struct sim_store {
  ice_store base;
  sim_process *process;
} sim_store;

typedef struct sim_disk sim_disk;

/// Whose system a port is: a process', or (NULL) the world's own.
typedef struct sim_system {
  sim *world;
  sim_process *process;
} sim_system;

struct sim_process {
  sim *world;
  uint32_t slot;
  uint32_t number;  ///< counts all processes of the run, from 1
  bool alive;       ///< the coroutine has not ended
  bool dead;        ///< kill -9: no call has any effect any more
  int64_t skew_us;  ///< of its clock
  bool calm;        ///< the process that drains at the end: nothing goes wrong in it
  bool until_end;
  bool ordered;  ///< uses the catalog as if it were not atomic
  int64_t wake_us;
  int64_t paused_until_us;
  _Atomic bool stop;
  uint32_t plan;
  int64_t interval_ms;
  uint32_t batch_size;
  uint64_t random_state;
  int64_t dead_us;  ///< a dead process' clock runs on, so that no loop of it waits
  ucontext_t context;
  void *stack;
  void *fiber;  ///< the address sanitizer's
  ice_port port;
  sim_system system;
  sim_catalog catalog;
  sim_store store;
  ice_store *local;  ///< the local store, with SIM_DISK
  ice_source *source;
  uint32_t generation;  ///< of the consumer group, as accepted
  bool revoked;         ///< the group took everything and has not given anything yet
  int32_t open_files;
  ice_status status;
  ice_error error;
};

/// What the lead said after its last commit.
typedef struct sim_seen {
  int64_t epoch;
  int64_t snapshot_id;
  uint32_t entry_count;
  ice_position_entry entries[SIM_PARTITIONS_MAX];
} sim_seen;

struct sim {
  const sim_scenario *scenario;
  bool verbose;
  bool quiet;  ///< things have stopped going wrong; nobody is restarted
  int64_t now_us;
  bool sheltered;   ///< what runs is the world's, though a process called it: no allocation fails
  uint64_t digest;  ///< of all that happened
  uint64_t calls;
  ucontext_t scheduler;
  void *scheduler_fiber;
  const void *scheduler_stack;
  size_t scheduler_stack_size;
  sim_process *running;
  sim_process processes[SIM_SLOTS];
  uint32_t process_count;  ///< started so far
  sim_event events[SIM_EVENTS_MAX];
  uint32_t event_count;
  uint32_t opportunities[SIM_KIND_COUNT];
  uint32_t draws;
  sim_drop fired[SIM_FIRED_MAX];
  uint32_t fired_count;
  ice_port port;  ///< the catalog's own and foreign writers'
  sim_system system;
  sim_disk *disk;
  uint64_t random_state;
  ice_catalog *catalog;
  json_t *newest[SIM_TABLES];  ///< the tables' metadata, and as it was before
  json_t *previous[SIM_TABLES];
  ice_memory_fate fate;
  ice_table_ident tables[SIM_TABLES];  ///< data, dead letters, routed
  uint32_t lead;                       ///< which of them
  uint32_t table_count;
  sim_log log[SIM_PARTITIONS_MAX];
  uint32_t partition_count;
  uint32_t generation;
  int32_t owners[SIM_PARTITIONS_MAX];  ///< slot, or -1
  sim_seen seen;
  uint32_t plans_used;  ///< bits
  int64_t commits;      ///< epochs that the lead took
  bool torn;            ///< a part of a commit was lost that stops the sink
  bool rolled_back;
  bool traceless;       ///< … and the history that would have told it has expired since
  bool recreated;       ///< a follower: what it had is gone
  bool lead_recreated;  ///< all is read again, or a policy stops the sink
  bool retained;        ///< records may have gone before they were read
  bool cut;             ///< … or after
  /// Records that were in the lead when it was rolled back. Where the sink is told to go on, or could not know, nobody has to bring
  /// them back.
  bool taken_away[SIM_PARTITIONS_MAX][SIM_OFFSETS_MAX];
  bool dropped[SIM_TABLES];
  /// What a property was before it was damaged, and what it was made; NULL where none is.
  char *damage_key[SIM_TABLES];
  char *damage_before[SIM_TABLES];
  char *damage_after[SIM_TABLES];
  char stopped[512];  ///< the policy that stopped the sink; empty: none
  char failure[1024];
};

/// Run a scenario to its end. True when the oracle has nothing to say; else `world->failure` tells it.
bool sim_run(sim *world, const sim_scenario *scenario, bool verbose);

/// Let allocations of the world's processes fail from here on; NULL: none does.
void sim_memory_watch(sim *world);

/// The first failure counts.
void sim_fail(sim *world, const char *format, ...) ICE_PRINTF(2, 3);
/// A line of the trace, with time and process.
void sim_trace(sim *world, const char *format, ...) ICE_PRINTF(2, 3);

// Chance --------------------------------------------------------------------------------------------------------------

/// Chance for the `number`-th question of a kind; the same in every run of the seed.
uint64_t sim_hash(uint64_t seed, uint64_t kind, uint64_t number);
/// Whether trouble of this kind happens here. Counts the opportunity, and what fires.
bool sim_happens(sim *world, sim_kind kind);
/// The same for the `number`-th one at a time, which was drawn already: only asks what is left out.
bool sim_planned(sim *world, sim_kind kind, uint32_t number);
/// A number in [0, bound).
int64_t sim_draw(sim *world, int64_t bound);

// Time and processes --------------------------------------------------------------------------------------------------

typedef enum sim_cost { SIM_COST_NONE, SIM_COST_SOURCE, SIM_COST_STORE, SIM_COST_CATALOG } sim_cost;

/// A call begins: time passes, others run. False where the process is dead: nothing may be done.
bool sim_enter(sim_process *process, sim_cost cost);
/// A call's effect is there; false where the process dies before it hears of it.
bool sim_leave(sim_process *process, sim_cost cost);
/// The error of every call of a dead process.
ice_status sim_dead(ice_error *err);
/// A failure that the world made up.
ice_status sim_trouble(ice_status status, uint32_t flags, const char *what, ice_error *err);
/// Let the process wait.
void sim_wait(sim_process *process, int64_t us);

/// Start a process in a free slot.
sim_process *sim_start(sim *world, uint32_t slot, bool calm);
void sim_kill(sim_process *process);
void sim_add_event(sim *world, const sim_event *event);
/// Run processes and events until `done` says so, or until nothing is left to run.
void sim_schedule(sim *world, bool (*done)(const sim *world));
/// An event's time has come.
void sim_event_run(sim *world, const sim_event *event);
/// A process' coroutine has ended; its status says how.
void sim_process_ended(sim *world, sim_process *process);
/// Free what the stacks hold.
void sim_release_stacks(void);

// What a process sees -------------------------------------------------------------------------------------------------

/// A disk, empty; NULL where memory is out.
sim_disk *sim_disk_create(void);
/// Accepts NULL.
void sim_disk_destroy(sim_disk *disk);
/// The machine loses its power; who ran on it has to be killed too.
void sim_disk_lose_power(sim *world);
/// The disk as a system's files. `system` is borrowed.
ice_files sim_disk_files(sim_system *system);

void sim_port_init(sim_process *process);
void sim_world_port_init(sim *world);
void sim_catalog_init(sim_process *process);
void sim_store_init(sim_process *process);
ICE_MUST_CHECK ice_status sim_source_open(sim_process *process, ice_source **out, ice_error *err);
/// Divide the partitions among the group's living members.
void sim_group_divide(sim *world);

/// Read the pipelines once; they are shared by all runs.
bool sim_pipelines_open(void);
void sim_pipelines_close(void);
const ice_pipeline_spec *sim_pipeline(uint32_t plan);
sim_plan sim_plan_of(uint32_t plan);
/// Make the tables. False: the world is broken, `failure` tells it.
bool sim_tables_create(sim *world);
bool sim_table_create(sim *world, uint32_t index);
/// A process' life: open everything, run the sink, close everything.
void sim_process_main(sim_process *process);

// The ledger ----------------------------------------------------------------------------------------------------------

typedef enum sim_verdict { SIM_ROW, SIM_ROUTED_ROW, SIM_DEAD_LETTER, SIM_FILTERED } sim_verdict;

typedef struct sim_element {
  char kind;  ///< 'a', 'b', or 'n' for noise
  double value;
} sim_element;

/// What is at an offset of the log.
typedef struct sim_record {
  bool gap;
  bool tombstone;
  bool poisoned;  ///< cannot be decoded
  uint32_t element_count;
  sim_element elements[SIM_ELEMENTS_MAX];
} sim_record;

sim_record sim_record_at(const sim *world, uint32_t partition, int64_t offset);
/// Append the record's value. Not for gaps and tombstones.
ICE_MUST_CHECK ice_status sim_record_encode(const sim_record *record, uint32_t partition, int64_t offset,
                                            ice_bytes *out, ice_error *err);
/// A row's id names its record and element.
int64_t sim_element_id(uint32_t partition, int64_t offset, uint32_t element);
sim_verdict sim_verdict_of(const sim_element *element, uint32_t plan);

// Foreign writers and the oracle --------------------------------------------------------------------------------------

void sim_foreign(sim *world, sim_kind kind);
/// Make a table anew where it was dropped.
void sim_create_again(sim *world, uint32_t table);
/// Repair a property where it still is as it was damaged.
void sim_repair(sim *world, uint32_t table);
/// After every commit that the catalog took: the position never goes back, ranges tile.
void sim_check_commit(sim *world);
/// At the end: every record once.
void sim_check_tables(sim *world);
/// Visit the ids of all rows of a table; element -1 is a dead letter of a record as a whole.
ICE_MUST_CHECK ice_status sim_visit_rows(sim *world, uint32_t table,
                                         void (*visit)(void *context, uint32_t partition, int64_t offset,
                                                       int32_t element),
                                         void *context, ice_error *err);

/// Make a failing scenario smaller while it fails; runs at most `runs_max` more. Leaves the smallest in `scenario`.
void sim_shrink(sim *world, sim_scenario *scenario, uint32_t runs_max);

#endif
