// One object on its way up: what is written is gathered here, and goes out in one PUT when it is small, in parts when it is not.
#include "codec/checksum.h"
#include "store/store_s3_upload_priv.h"
#include <stdlib.h>

enum { DRIVE_EVERY_US = 2000, SPILL_MIN = 64 * 1024 };

static ice_s3_upload *upload_of(ice_upload *upload) { return (ice_s3_upload *)(void *)upload; }

// Memory ---------------------------------------------------------------------------------------------------------------

void ice_s3_upload_account(ice_s3_upload *self) {
  size_t now = self->buffer.capacity + self->receipts.capacity;
  for (const ice_s3_part *part = self->parts; part; part = part->next) {
    now += part->data.capacity;
  }
  ice_budget_add(self->store->budget, (int64_t)now - (int64_t)self->held);
  self->store->held = self->store->held - self->held + now;
  self->held = now;
}

static void close_spill(ice_s3_upload *self) {
  const ice_files *files = &self->store->port->files;
  if (self->spill >= 0) {
    files->close(files->context, self->spill);
  }
  self->spill = -1;
  self->spilled = 0;
}

static void release(ice_s3_upload *self) {
  ice_s3_multipart_leave(self);
  ice_s3_request_deinit(&self->put);
  ice_bytes_deinit(&self->buffer);
  ice_bytes_deinit(&self->receipts);
  close_spill(self);
  ice_s3_upload_account(self);
}

void ice_s3_upload_fail(ice_s3_upload *self, const ice_error *why) {
  if (self->state != ICE_S3_UPLOAD_BROKEN) {
    self->failure = *why;
    self->state = ICE_S3_UPLOAD_BROKEN;
    release(self);
  }
}

void ice_s3_upload_fail_with(ice_s3_upload *self, ice_status status, const char *what) {
  ice_error why;
  ice_error_set(&why, status, "%s: %s", self->location, what);
  ice_s3_upload_fail(self, &why);
}

// Whether an object that is there is this one --------------------------------------------------------------------------

static ice_s3_likeness likeness_of(const ice_s3_upload *self) {
  return self->multipart ? ice_s3_likeness_of_parts(ice_s3_upload_receipt(self, 1), self->part_count)
                         : ice_s3_likeness_of_bytes(self->buffer.data, self->buffer.size);
}

void ice_s3_upload_finish(ice_s3_upload *self) {
  ice_s3_multipart_forget(self);
  self->state = ICE_S3_UPLOAD_SENT;
  release(self);
}

static void question_done(ice_s3_request *request) {
  ice_s3_upload *self = request->context;
  ice_s3_likeness ours = likeness_of(self);
  if (request->status == ICE_OK && ice_s3_likeness_fits(&ours, self->size, &request->response)) {
    ice_s3_upload_finish(self);
  } else if (request->status == ICE_OK) {
    ice_s3_upload_fail_with(self, ICE_ALREADY_EXISTS, "is there already, and is another object");
  } else {
    ice_s3_upload_fail(self, &request->err);
  }
}

// An attempt whose answer was lost may have made the object; then what is there is ours.
void ice_s3_upload_ask_whether_ours(ice_s3_upload *self) {
  ice_s3_request_deinit(&self->put);
  ice_s3_request_init(&self->put, self->store, "HeadObject", ICE_HTTP_HEAD, &self->place, ICE_S3_ANSWER_MAX);
  ice_s3_request_add_header(&self->put, ICE_STR("x-amz-checksum-mode"), ICE_STR("ENABLED"));
  self->put.done = question_done;
  self->put.context = self;
  ice_s3_request_submit(&self->put);
}

// One PUT ----------------------------------------------------------------------------------------------------------------

// What the server says it has must be what was sent.
bool ice_s3_upload_checksum_agrees(const ice_s3_request *request) {
  char ours[ICE_S3_CHECKSUM_SIZE + 1];
  ice_str theirs = ice_http_response_header(&request->response, "x-amz-checksum-crc32c");
  ice_s3_checksum_text(request->crc32c, ours);
  return theirs.size == 0 || ice_str_equal_c(theirs, ours);
}

static void put_done(ice_s3_request *request) {
  ice_s3_upload *self = request->context;
  if (request->status == ICE_ALREADY_EXISTS && request->maybe_applied) {
    ice_s3_upload_ask_whether_ours(self);
  } else if (request->status != ICE_OK) {
    ice_s3_upload_fail(self, &request->err);
  } else if (!ice_s3_upload_checksum_agrees(request)) {
    ice_s3_upload_fail_with(self, ICE_CORRUPT, "the server has other bytes than were sent: the checksums differ");
  } else {
    ice_s3_upload_finish(self);
  }
}

static void put_whole(ice_s3_upload *self) {
  ice_s3_request_init(&self->put, self->store, "PutObject", ICE_HTTP_PUT, &self->place, ICE_S3_ANSWER_MAX);
  self->put.body = ice_bytes_str(&self->buffer);
  self->put.if_absent = true;
  self->put.has_checksum = true;
  self->put.crc32c = ice_crc32c(0, self->buffer.data, self->buffer.size);
  self->put.done = put_done;
  self->put.context = self;
  ice_s3_request_submit(&self->put);
}

// The interface ----------------------------------------------------------------------------------------------------------

static ice_status failure_of(const ice_s3_upload *self, ice_error *err) {
  if (err) {
    *err = self->failure;
  }
  return self->failure.status;
}

// What no request has yet.
static size_t pending(const ice_s3_upload *self) { return self->spilled + self->buffer.size; }

// Moves the buffer to a file without a name: it is too small for a part and there is no room for it.
static ice_status spill(ice_s3_upload *self, ice_error *err) {
  const ice_files *files = &self->store->port->files;
  ice_status status = ICE_OK;
  if (self->spill < 0) {
    ICE_TRY(files->open(files->context, self->store->spill_directory, ICE_FILE_TEMPORARY, &self->spill, err));
  }
  ICE_TRY(files->write(files->context, self->spill, self->buffer.data, self->buffer.size, err));
  self->spilled += self->buffer.size;
  ice_observe_count(self->store->observer, "icesink_spilled_bytes_total", (ice_str){0}, (int64_t)self->buffer.size);
  ice_bytes_deinit(&self->buffer);
done:
  return status;
}

// Brings it back, before what was written since.
static ice_status unspill(ice_s3_upload *self, ice_error *err) {
  const ice_files *files = &self->store->port->files;
  ice_bytes whole;
  size_t got;
  if (self->spilled == 0) {
    return ICE_OK;
  }
  ice_bytes_init(&whole, self->store->part_size);
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_reserve(&whole, pending(self), err));
  ICE_TRY(files->read_at(files->context, self->spill, 0, whole.data, self->spilled, &got, err));
  if (got != self->spilled) {
    ICE_FAIL(ICE_IO, "%s: %zu of %zu bytes came back from the spill file", self->location, got, self->spilled);
  }
  whole.size = got;
  ICE_TRY(ice_bytes_append(&whole, self->buffer.data, self->buffer.size, err));
  ice_bytes_deinit(&self->buffer);
  self->buffer = whole;
  ice_bytes_init(&whole, 0);
  close_spill(self);
done:
  ice_bytes_deinit(&whole);
  return status;
}

static ice_status flush(ice_s3_upload *self, ice_error *err) {
  ice_status status = unspill(self, err);
  return status == ICE_OK ? ice_s3_multipart_flush(self, err) : status;
}

// Takes the largest buffer of an object that is still written: to the server when it makes a part, else to a file. False where that
// frees nothing.
static bool make_room(ice_s3_store *store) {
  ice_s3_upload *best = NULL;
  ice_error why;
  for (ice_s3_upload *upload = store->uploads; upload; upload = upload->next) {
    bool larger = !best || upload->buffer.capacity > best->buffer.capacity;
    best = upload->state == ICE_S3_UPLOAD_WRITING && larger ? upload : best;
  }
  if (!best || best->buffer.size < SPILL_MIN) {
    return false;
  }
  bool makes_part = pending(best) >= ICE_S3_PART_SIZE_MIN;
  if (!makes_part && !store->spill_directory) {
    return false;
  }
  if ((makes_part ? flush(best, &why) : spill(best, &why)) != ICE_OK) {
    ice_s3_upload_fail(best, &why);
  }
  ice_s3_upload_account(best);
  return true;
}

// Waits while uploads hold more than they may.
static ice_status hold_back(ice_s3_upload *self, ice_error *err) {
  ice_s3_store *store = self->store;
  ice_status status = ICE_OK;
  int64_t now_us = store->port->clock.monotonic_us(store->port->clock.context);
  if (store->first && now_us - store->driven_at_us > DRIVE_EVERY_US) {
    ICE_TRY(ice_s3_drive(store, 0, err));
  }
  while (store->held > store->upload_bytes_max && self->state != ICE_S3_UPLOAD_BROKEN &&
         (store->first || make_room(store))) {
    ICE_TRY(ice_s3_drive(store, store->first ? ICE_S3_DRIVE_MS : 0, err));
  }
done:
  return status;
}

// An object of which parts have gone out fills further ones: growing into them step by step would copy all of it twice.
static ice_status reserve_part(ice_s3_upload *self, ice_error *err) {
  const ice_s3_store *store = self->store;
  bool room = store->held + store->part_size <= store->upload_bytes_max / 2;
  return self->multipart && self->buffer.capacity == 0 && room
             ? ice_bytes_reserve(&self->buffer, store->part_size - self->spilled, err)
             : ICE_OK;
}

static ice_status upload_write(ice_upload *upload, const void *data, size_t size, ice_error *err) {
  ice_s3_upload *self = upload_of(upload);
  const uint8_t *from = data;
  ice_status status = ICE_OK;
  if (self->state != ICE_S3_UPLOAD_WRITING && self->state != ICE_S3_UPLOAD_BROKEN) {
    ICE_FAIL(ICE_INVALID_STATE, "%s has been submitted", self->location);
  }
  while (size > 0 && self->state == ICE_S3_UPLOAD_WRITING) {
    size_t room = self->store->part_size - pending(self);
    size_t now = size < room ? size : room;
    ICE_TRY(reserve_part(self, err));
    ICE_TRY(ice_bytes_append(&self->buffer, from, now, err));
    from += now;
    size -= now;
    self->size += (int64_t)now;
    if (pending(self) == self->store->part_size) {
      ICE_TRY(flush(self, err));
    }
    ice_s3_upload_account(self);
    ICE_TRY(hold_back(self, err));
  }
  status = self->state == ICE_S3_UPLOAD_BROKEN ? failure_of(self, err) : ICE_OK;
done:
  return status;
}

static ice_status upload_submit(ice_upload *upload, ice_error *err) {
  ice_s3_upload *self = upload_of(upload);
  ice_status status = ICE_OK;
  if (self->state == ICE_S3_UPLOAD_BROKEN) {
    return failure_of(self, err);
  }
  if (self->state != ICE_S3_UPLOAD_WRITING) {
    ICE_FAIL(ICE_INVALID_STATE, "%s has been submitted", self->location);
  }
  ICE_TRY(unspill(self, err));
  self->state = ICE_S3_UPLOAD_SENDING;
  if (!self->multipart) {
    put_whole(self);
  } else {
    ICE_TRY(self->buffer.size > 0 ? ice_s3_multipart_flush(self, err) : ICE_OK);
    ice_s3_multipart_complete_when_ready(self);
  }
  ice_s3_upload_account(self);
  ICE_TRY(hold_back(self, err));
  status = self->state == ICE_S3_UPLOAD_BROKEN ? failure_of(self, err) : ICE_OK;
done:
  return status;
}

static ice_status upload_poll(ice_upload *upload, bool *complete_now, ice_error *err) {
  ice_s3_upload *self = upload_of(upload);
  ice_status status = ICE_OK;
  *complete_now = false;
  if (self->state == ICE_S3_UPLOAD_WRITING) {
    ICE_FAIL(ICE_INVALID_STATE, "%s has not been submitted", self->location);
  }
  if (self->state == ICE_S3_UPLOAD_SENDING) {
    ICE_TRY(ice_s3_drive(self->store, ICE_S3_DRIVE_MS, err));
  }
  *complete_now = self->state == ICE_S3_UPLOAD_SENT;
  status = self->state == ICE_S3_UPLOAD_BROKEN ? failure_of(self, err) : ICE_OK;
done:
  return status;
}

static void upload_destroy(ice_upload *upload) {
  ice_s3_upload *self = upload_of(upload);
  release(self);
  *(self->previous ? &self->previous->next : &self->store->uploads) = self->next;
  if (self->next) {
    self->next->previous = self->previous;
  }
  free(self->location);
  free(self);
}

static const ice_upload_interface upload_interface = {
    .write = upload_write, .submit = upload_submit, .poll = upload_poll, .destroy = upload_destroy};

ice_status ice_s3_upload_create(ice_s3_store *store, const ice_s3_place *place, ice_upload **out, ice_error *err) {
  *out = NULL;
  ice_s3_upload *self = calloc(1, sizeof *self);
  ice_status status = ICE_OK;
  if (self) {
    self->location = strndup(place->location.data, place->location.size);
  }
  if (!self || !self->location) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an upload");
  }
  ICE_TRY(ice_s3_place_read(ice_str_of(self->location), false, &self->place, err));
  self->base.interface = &upload_interface;
  self->store = store;
  self->spill = -1;
  self->next = store->uploads;
  if (self->next) {
    self->next->previous = self;
  }
  store->uploads = self;
  ice_bytes_init(&self->buffer, store->part_size);
  ice_bytes_init(&self->receipts, ICE_S3_PARTS_MAX * sizeof(ice_s3_receipt));
  *out = &self->base;
  self = NULL;
done:
  if (self) {
    free(self->location);
    free(self);
  }
  return status;
}
