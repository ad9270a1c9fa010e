#include "http/http_multi.h"

#include "http/http_transfer_priv.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { DRIVE_WAIT_MAX_MS = 100, IDLE_EXCHANGES_MAX = 32, GAP_MS = 500 };

struct ice_http_exchange {
  ice_http_transfer transfer;
  ice_http_multi *multi;
  ice_http_exchange *next;
  ice_http_exchange **link;  ///< what points to it, in the list of those under way
  bool done;
  CURLcode code;
};

struct ice_http_multi {
  CURLM *handle;
  ice_http_settings settings;
  ice_http_exchange *active;
  ice_http_exchange *idle;  ///< kept for their handles
  size_t idle_count;
  int64_t driven_at_ms;
};

// libcurl counts its users; the library may be one of several in its host.
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;
static void init_curl(void) { curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT); }

// OpenSSL writes to a connection that the peer has closed without MSG_NOSIGNAL, and CURLOPT_NOSIGNAL leaves that to
// us. The signal is held back in this thread alone and taken away if it came, so that the host sees nothing of it.
typedef struct held_signal {
  sigset_t before;
  bool pending;  ///< one was there already: it is the host's
} held_signal;

static sigset_t pipe_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

static held_signal hold_signal(void) {
  held_signal held;
  sigset_t waiting;
  sigset_t set = pipe_signal();
  held.pending = sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &set, &held.before);
  return held;
}

static void release_signal(const held_signal *held) {
  const struct timespec at_once = {0};
  sigset_t set = pipe_signal();
  if (!held->pending) {
    while (sigtimedwait(&set, NULL, &at_once) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &held->before, NULL);
}

ice_status ice_http_multi_create(const ice_http_options *options, uint32_t connections_max, ice_http_multi **out,
                                 ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_http_multi *multi = NULL;
  pthread_once(&curl_once, init_curl);
  if (curl_ready != CURLE_OK) {
    ICE_FAIL(ICE_INTERNAL, "libcurl does not start: %s", curl_easy_strerror(curl_ready));
  }
  multi = calloc(1, sizeof *multi);
  if (!multi) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an HTTP client");
  }
  ICE_TRY(ice_http_settings_init(&multi->settings, options, err));
  multi->handle = curl_multi_init();
  // libcurl's own number follows the requests under way, and would close most connections between two bursts.
  if (!multi->handle || curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, (long)connections_max) != CURLM_OK) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an HTTP client");
  }
  *out = multi;
  multi = NULL;
done:
  ice_http_multi_destroy(multi);
  return status;
}

static void free_exchange(ice_http_exchange *exchange) {
  if (exchange) {
    curl_slist_free_all(exchange->transfer.headers);
    curl_easy_cleanup(exchange->transfer.easy);
    free(exchange);
  }
}

void ice_http_multi_destroy(ice_http_multi *multi) {
  if (multi) {
    ICE_ASSERT(!multi->active);
    held_signal held = hold_signal();
    while (multi->idle) {
      ice_http_exchange *exchange = multi->idle;
      multi->idle = exchange->next;
      free_exchange(exchange);
    }
    curl_multi_cleanup(multi->handle);
    release_signal(&held);
    ice_http_settings_deinit(&multi->settings);
    free(multi);
  }
}

static ice_http_exchange *take_exchange(ice_http_multi *multi) {
  ice_http_exchange *exchange = multi->idle;
  if (exchange) {
    multi->idle = exchange->next;
    multi->idle_count--;
    exchange->next = NULL;
    return exchange;
  }
  exchange = calloc(1, sizeof *exchange);
  if (exchange) {
    exchange->multi = multi;
    exchange->transfer.easy = curl_easy_init();
    if (!exchange->transfer.easy) {
      free(exchange);
      exchange = NULL;
    }
  }
  return exchange;
}

static void give_exchange(ice_http_multi *multi, ice_http_exchange *exchange) {
  if (multi->idle_count >= IDLE_EXCHANGES_MAX) {
    free_exchange(exchange);
    return;
  }
  exchange->next = multi->idle;
  multi->idle = exchange;
  multi->idle_count++;
}

// Ends a transfer, whose outcome waits to be taken.
static void end_exchange(ice_http_exchange *exchange, CURLcode code) {
  curl_multi_remove_handle(exchange->multi->handle, exchange->transfer.easy);
  *exchange->link = exchange->next;
  if (exchange->next) {
    exchange->next->link = exchange->link;
  }
  exchange->next = NULL;
  exchange->done = true;
  exchange->code = code;
}

ice_status ice_http_multi_start(ice_http_multi *multi, const ice_http_request *request, ice_http_response *response,
                                ice_http_exchange **out, ice_error *err) {
  *out = NULL;
  ice_status status = ICE_OK;
  ice_http_exchange *exchange = take_exchange(multi);
  if (!exchange) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a request");
  }
  exchange->done = false;
  ICE_TRY(ice_http_transfer_prepare(&exchange->transfer, &multi->settings, request, response, err));
  if (curl_easy_setopt(exchange->transfer.easy, CURLOPT_PRIVATE, (char *)exchange) != CURLE_OK ||
      curl_multi_add_handle(multi->handle, exchange->transfer.easy) != CURLM_OK) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a request");
  }
  response->maybe_sent = true;
  exchange->next = multi->active;
  exchange->link = &multi->active;
  if (exchange->next) {
    exchange->next->link = &exchange->next;
  }
  multi->active = exchange;
  *out = exchange;
  exchange = NULL;
done:
  if (exchange) {
    give_exchange(multi, exchange);
  }
  return status;
}

// Ends what libcurl says has ended; true when there was something.
static bool harvest(ice_http_multi *multi) {
  bool found = false;
  int left;
  for (const CURLMsg *message = curl_multi_info_read(multi->handle, &left); message;
       message = curl_multi_info_read(multi->handle, &left)) {
    char *exchange = NULL;
    if (message->msg == CURLMSG_DONE) {
      CURLcode code = message->data.result;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
      end_exchange((ice_http_exchange *)(void *)exchange, code);
      found = true;
    }
  }
  return found;
}

// Ends what was stopped and what has been silent for too long. Time in which nobody drove is nobody's silence.
static bool end_overdue(ice_http_multi *multi) {
  bool found = false;
  bool stopped = multi->settings.stop && *multi->settings.stop;
  int64_t now_ms = ice_http_now_ms();
  int64_t gap_ms = now_ms - multi->driven_at_ms > GAP_MS ? now_ms - multi->driven_at_ms : 0;
  multi->driven_at_ms = now_ms;
  for (ice_http_exchange *exchange = multi->active, *next; exchange; exchange = next) {
    next = exchange->next;
    exchange->transfer.moved_at_ms += gap_ms;
    // A request may have begun within the gap.
    if (exchange->transfer.moved_at_ms > now_ms) {
      exchange->transfer.moved_at_ms = now_ms;
    }
    if (stopped || ice_http_transfer_is_silent(&exchange->transfer, &multi->settings, now_ms)) {
      snprintf(exchange->transfer.message, sizeof exchange->transfer.message, "no byte moved for %lld ms",
               (long long)multi->settings.silence_timeout_ms);
      end_exchange(exchange, stopped ? CURLE_ABORTED_BY_CALLBACK : CURLE_OPERATION_TIMEDOUT);
      found = true;
    }
  }
  return found;
}

ice_status ice_http_multi_drive(ice_http_multi *multi, int64_t timeout_ms, ice_error *err) {
  int running;
  held_signal held = hold_signal();
  CURLMcode code = curl_multi_perform(multi->handle, &running);
  bool ended = harvest(multi);
  ended = end_overdue(multi) || ended;
  if (code == CURLM_OK && !ended && timeout_ms > 0) {
    int wait_ms = timeout_ms < DRIVE_WAIT_MAX_MS ? (int)timeout_ms : DRIVE_WAIT_MAX_MS;
    code = curl_multi_poll(multi->handle, NULL, 0, wait_ms, NULL);
    if (code == CURLM_OK) {
      code = curl_multi_perform(multi->handle, &running);
    }
    harvest(multi);
  }
  release_signal(&held);
  return code == CURLM_OK ? ICE_OK : ice_error_set(err, ICE_INTERNAL, "libcurl: %s", curl_multi_strerror(code));
}

void ice_http_multi_ignore_stop(ice_http_multi *multi) { multi->settings.stop = NULL; }

bool ice_http_exchange_done(const ice_http_exchange *exchange) { return exchange->done; }

ice_status ice_http_exchange_finish(ice_http_exchange *exchange, ice_error *err) {
  if (!exchange) {
    return ice_error_set(err, ICE_CANCELLED, "there is no request");
  }
  if (!exchange->done) {
    held_signal held = hold_signal();
    end_exchange(exchange, CURLE_ABORTED_BY_CALLBACK);
    release_signal(&held);
  }
  ice_status status = ice_http_transfer_finish(&exchange->transfer, exchange->code, err);
  give_exchange(exchange->multi, exchange);
  return status;
}
