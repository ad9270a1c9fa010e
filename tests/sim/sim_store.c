// The store as a process sees it: the world's, behind calls that fail, and that a dead process makes in vain.
#include "sim.h"

#include <stdlib.h>

enum { POLLS_MAX = 3 };

typedef struct sim_upload {
  ice_upload base;
  sim_process *process;
  ice_upload *real;
  int64_t polls;  ///< until it is durable
} sim_upload;

static sim_process *process_of(ice_store *store) { return ((sim_store *)(void *)store)->process; }
static ice_store *real_of(sim_process *process) { return process->world->catalog->store; }
static sim_upload *upload_of(ice_upload *upload) { return (sim_upload *)(void *)upload; }

static ice_status begin(sim_process *process, ice_error *err) {
  if (!sim_enter(process, SIM_COST_STORE)) {
    return sim_dead(err);
  }
  if (sim_happens(process->world, SIM_STORE_FAILS)) {
    return sim_trouble(ICE_IO, ICE_ERROR_RETRYABLE, "the store does not answer", err);
  }
  return ICE_OK;
}

// The answer of a call that had its effect.
static ice_status answer(sim_process *process, ice_status status, ice_error *err) {
  return sim_leave(process, SIM_COST_STORE) ? status : sim_dead(err);
}

static ice_status upload_write(ice_upload *upload, const void *data, size_t size, ice_error *err) {
  sim_upload *self = upload_of(upload);
  // Bytes go to a buffer: time passes, and death comes, when it is handed over.
  return self->process->dead ? sim_dead(err) : ice_upload_write(self->real, data, size, err);
}

static ice_status upload_submit(ice_upload *upload, ice_error *err) {
  sim_upload *self = upload_of(upload);
  ice_status status = begin(self->process, err);
  self->polls = sim_draw(self->process->world, POLLS_MAX);
  return status == ICE_OK ? ice_upload_submit(self->real, err) : status;
}

static ice_status upload_poll(ice_upload *upload, bool *complete, ice_error *err) {
  sim_upload *self = upload_of(upload);
  *complete = false;
  ice_status status = begin(self->process, err);
  if (status != ICE_OK || self->polls-- > 0) {
    return status;
  }
  self->process->world->sheltered = true;
  status = ice_upload_poll(self->real, complete, err);
  self->process->world->sheltered = false;
  status = answer(self->process, status, err);
  if (status == ICE_OK && sim_happens(self->process->world, SIM_STORE_UNKNOWN)) {
    *complete = false;
    return sim_trouble(ICE_IO, ICE_ERROR_RETRYABLE, "the store's answer never came", err);
  }
  return status;
}

static void upload_destroy(ice_upload *upload) {
  sim_upload *self = upload_of(upload);
  ice_upload_destroy(self->real);
  free(self);
}

static const ice_upload_interface upload_interface = {
    .write = upload_write, .submit = upload_submit, .poll = upload_poll, .destroy = upload_destroy};

static ice_status store_create(ice_store *store, ice_str location, ice_upload **out, ice_error *err) {
  sim_process *process = process_of(store);
  *out = NULL;
  ice_status status = begin(process, err);
  if (status != ICE_OK) {
    return status;
  }
  sim_upload *upload = calloc(1, sizeof *upload);
  if (!upload) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for an upload");
  }
  *upload = (sim_upload){.base.interface = &upload_interface, .process = process};
  status = ice_store_create(real_of(process), location, &upload->real, err);
  if (status != ICE_OK) {
    free(upload);
    return status;
  }
  *out = &upload->base;
  return ICE_OK;
}

static ice_status store_read(ice_store *store, ice_str location, int64_t offset, void *data, size_t size,
                             ice_error *err) {
  sim_process *process = process_of(store);
  ice_status status = begin(process, err);
  return status == ICE_OK ? ice_store_read(real_of(process), location, offset, data, size, err) : status;
}

static ice_status store_stat(ice_store *store, ice_str location, int64_t *size, ice_error *err) {
  sim_process *process = process_of(store);
  ice_status status = begin(process, err);
  return status == ICE_OK ? ice_store_stat(real_of(process), location, size, err) : status;
}

static ice_status store_remove(ice_store *store, ice_str location, ice_error *err) {
  sim_process *process = process_of(store);
  ice_status status = begin(process, err);
  if (status != ICE_OK) {
    return status;
  }
  sim_trace(process->world, "deletes %.*s", ICE_STR_ARG(location));
  return answer(process, ice_store_remove(real_of(process), location, err), err);
}

static ice_status store_list(ice_store *store, ice_str prefix, ice_object_visit visit, void *context,
                             ice_error *err) {
  sim_process *process = process_of(store);
  ice_status status = begin(process, err);
  return status == ICE_OK ? ice_store_list(real_of(process), prefix, visit, context, err) : status;
}

void sim_store_init(sim_process *process) {
  static const ice_store_interface interface = {
      .create = store_create, .read = store_read, .stat = store_stat, .remove = store_remove, .list = store_list};
  process->store = (sim_store){.base.interface = &interface, .process = process};
}
