// The catalog as a process sees it: the world's one, behind requests and answers that get lost.
#include "sim.h"

enum { HELD_MAX_US = 20000000 };

static sim_process *process_of(ice_catalog *catalog) { return ((sim_catalog *)(void *)catalog)->process; }

// A catalog with a cache may give what was there before the last change.
static ice_status let_be_stale(sim *world, ice_table_ident ident, ice_table *table, ice_error *err) {
  uint32_t index = 0;
  while (index < SIM_TABLES - 1 && !ice_str_equal(ident.name, world->tables[index].name)) {
    index++;
  }
  if (world->newest[index] != table->metadata->document) {
    // json_incref wants one that may be changed; counting references is no change of the document.
    union {
      const json_t *given;
      json_t *counted;
    } document = {.given = table->metadata->document};
    json_decref(world->previous[index]);
    world->previous[index] = world->newest[index];
    world->newest[index] = json_incref(document.counted);
  }
  if (!world->previous[index] || !sim_happens(world, SIM_STALE)) {
    return ICE_OK;
  }
  ice_table_metadata_destroy(table->metadata);
  table->metadata = NULL;
  return ice_table_metadata_from_json(world->previous[index], &table->metadata, err);
}

// As Nessie does: the newest snapshot alone, and as if it had no parent.
static ice_status hide_history(ice_table *table, ice_error *err) {
  json_t *document = json_deep_copy(table->metadata->document);
  json_t *snapshots = json_object_get(document, "snapshots");
  for (size_t i = json_array_size(snapshots); i > 0; i--) {
    json_t *snapshot = json_array_get(snapshots, i - 1);
    if (json_integer_value(json_object_get(snapshot, "snapshot-id")) != table->metadata->current_snapshot_id) {
      json_array_remove(snapshots, i - 1);
    } else {
      json_object_del(snapshot, "parent-snapshot-id");
    }
  }
  json_array_clear(json_object_get(document, "snapshot-log"));
  ice_table_metadata_destroy(table->metadata);
  table->metadata = NULL;
  ice_status status = ice_table_metadata_from_json(document, &table->metadata, err);
  json_decref(document);
  return status;
}

static ice_status catalog_load_table(ice_catalog *catalog, ice_table_ident ident, ice_table *out, ice_error *err) {
  sim_process *process = process_of(catalog);
  sim *world = process->world;
  *out = (ice_table){0};
  if (!sim_enter(process, SIM_COST_CATALOG)) {
    return sim_dead(err);
  }
  if (sim_happens(world, SIM_LOAD_FAILS)) {
    return sim_trouble(ICE_IO, ICE_ERROR_RETRYABLE, "the catalog does not answer", err);
  }
  ice_status status = ice_catalog_load_table(world->catalog, ident, out, err);
  if (status == ICE_OK) {
    status = let_be_stale(world, ident, out, err);
  }
  if (status == ICE_OK && world->scenario->fields[SIM_HIDDEN]) {
    status = hide_history(out, err);
  }
  if (!sim_leave(process, SIM_COST_CATALOG)) {
    ice_table_deinit(out);
    return sim_dead(err);
  }
  sim_trace(world, "loads %.*s", ICE_STR_ARG(ident.name));
  return status;
}

// Every refusal that a catalog may have, besides a conflict.
static ice_status refuse(sim *world, ice_error *err) {
  static const ice_status refusals[] = {ICE_IO,      ICE_AUTH,      ICE_TIMEOUT,       ICE_LIMIT,
                                        ICE_CORRUPT, ICE_CANCELLED, ICE_INVALID_STATE, ICE_NO_MEMORY};
  ice_status status = refusals[sim_draw(world, ICE_COUNT_OF(refusals))];
  return sim_trouble(status, 0, "the catalog refuses the commit", err);
}

// What a commit asks of a table: for the trace.
static void tell_part(sim *world, const ice_table_commit *commit) {
  const ice_table_change *change = &commit->change;
  sim_trace(world, "asks %.*s for %u updates", ICE_STR_ARG(commit->ident.name), change->update_count);
  for (uint32_t i = 0; i < change->update_count; i++) {
    const ice_table_update *update = &change->updates[i];
    for (uint32_t j = 0; update->kind == ICE_UPDATE_SET_PROPERTIES && j < update->count; j++) {
      sim_trace(world, "  %.*s = %.*s", ICE_STR_ARG(update->properties[j].key),
                ICE_STR_ARG(update->properties[j].value));
    }
  }
}

static ice_memory_fate choose_fate(sim *world, size_t count) {
  if (sim_happens(world, SIM_CONFLICT)) {
    return ICE_MEMORY_CONFLICT;
  }
  if (sim_happens(world, SIM_LOSE)) {
    return ICE_MEMORY_LOSE;
  }
  if (sim_happens(world, SIM_REPLY_LOST)) {
    return ICE_MEMORY_APPLY_UNKNOWN;
  }
  if (sim_happens(world, SIM_HOLD)) {
    return ICE_MEMORY_HOLD;
  }
  if (sim_happens(world, SIM_REPEAT)) {
    return ICE_MEMORY_REPEAT;
  }
  // A routed table that the next configuration does not have would not be asked whether it is ahead.
  if (count > 1 && world->table_count == 2 && sim_happens(world, SIM_TEAR_LEAD)) {
    return ICE_MEMORY_TEAR_REST;
  }
  return count > 1 && sim_happens(world, SIM_TEAR_FOLLOWER) ? ICE_MEMORY_TEAR_FIRST : ICE_MEMORY_APPLY;
}

static ice_status catalog_commit(ice_catalog *catalog, const ice_table_commit *commits, size_t count,
                                 ice_error *err) {
  static const char *const fates[] = {"is applied",       "conflicts",          "is refused",
                                      "is lost",          "is applied unheard", "is held",
                                      "is applied twice", "is torn: lead only", "is torn: rest alone"};
  sim_process *process = process_of(catalog);
  sim *world = process->world;
  if (!sim_enter(process, SIM_COST_CATALOG)) {
    return sim_dead(err);
  }
  for (size_t i = 0; world->verbose && i < count; i++) {
    tell_part(world, &commits[i]);
  }
  if (sim_happens(world, SIM_REFUSE)) {
    return refuse(world, err);
  }
  world->fate = choose_fate(world, count);
  ice_memory_fate fate = world->fate;
  world->sheltered = true;
  ice_status status = ice_catalog_commit(world->catalog, commits, count, err);
  world->sheltered = false;
  world->fate = ICE_MEMORY_APPLY;
  sim_trace(world, "commit of %.*s%s %s: %s", ICE_STR_ARG(commits[0].ident.name), count > 1 ? " and others" : "",
            fates[fate], ice_status_name(status));
  if (fate == ICE_MEMORY_HOLD) {
    const sim_event release = {.at_us = world->now_us + sim_draw(world, sim_draw(world, HELD_MAX_US)),
                               .kind = SIM_EVENT_RELEASE};
    sim_add_event(world, &release);
  }
  // What only asserts changes nothing where it is kept alone.
  if (fate == ICE_MEMORY_TEAR_REST && status == ICE_OK) {
    for (size_t i = 1; i < count; i++) {
      world->torn = world->torn || commits[i].change.update_count > 0;
    }
  }
  return sim_leave(process, SIM_COST_CATALOG) ? status : sim_dead(err);
}

static ice_status unsupported(ice_error *err) {
  return ice_error_set(err, ICE_UNSUPPORTED, "the sink has no business with this call");
}

static ice_status catalog_create_namespace(ice_catalog *catalog, ice_str namespace_name, ice_error *err) {
  (void)catalog;
  (void)namespace_name;
  return unsupported(err);
}

static ice_status catalog_list_namespaces(ice_catalog *catalog, ice_catalog_visit visit, void *context,
                                          ice_error *err) {
  (void)catalog;
  (void)visit;
  (void)context;
  return unsupported(err);
}

static ice_status catalog_list_tables(ice_catalog *catalog, ice_str namespace_name, ice_catalog_visit visit,
                                      void *context, ice_error *err) {
  (void)namespace_name;
  return catalog_list_namespaces(catalog, visit, context, err);
}

static ice_status catalog_create_table(ice_catalog *catalog, ice_table_ident ident, const ice_table_create *create,
                                       ice_table *out, ice_error *err) {
  (void)catalog;
  (void)ident;
  (void)create;
  *out = (ice_table){0};
  return unsupported(err);
}

static ice_status catalog_drop_table(ice_catalog *catalog, ice_table_ident ident, ice_error *err) {
  (void)catalog;
  (void)ident;
  return unsupported(err);
}

void sim_catalog_init(sim_process *process) {
  static const ice_catalog_interface interface = {.create_namespace = catalog_create_namespace,
                                                  .list_namespaces = catalog_list_namespaces,
                                                  .list_tables = catalog_list_tables,
                                                  .create_table = catalog_create_table,
                                                  .load_table = catalog_load_table,
                                                  .commit = catalog_commit,
                                                  .drop_table = catalog_drop_table};
  process->catalog =
      (sim_catalog){.base = {.interface = &interface,
                             .atomic = process->world->scenario->fields[SIM_ATOMIC] != 0 && !process->ordered,
                             .remote = process->world->scenario->rates[SIM_REPEAT] > 0,
                             .store = process->local ? process->local : &process->store.base},
                    .process = process};
}
