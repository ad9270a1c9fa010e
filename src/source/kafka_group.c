#include "source/kafka_group_priv.h"

#include "source/kafka_config_priv.h"
#include <stdio.h>
#include <stdlib.h>

enum {
  LEAVE_STEP_MS = 50,
  LEAVE_STEPS_MAX = 40,
  PROBLEM_MAX = 256,
  TOPIC_MAX = 256,
  STRATEGY_MAX = 256,
  STICKY_STATE_VERSION =
      0x02030000  ///< the first librdkafka that can destroy a sticky member that was never assigned
};

struct ice_kafka_group {
  rd_kafka_t *client;
  rd_kafka_queue_t *events;
  rd_kafka_event_t *waiting;                  ///< a rebalance that was not accepted yet
  rd_kafka_topic_partition_list_t *assigned;  ///< as accepted
  bool joined;
  bool subscribed;
  bool ever_assigned;
};

static bool is_cooperative(const ice_kafka_group *group) {
  const char *protocol = rd_kafka_rebalance_protocol(group->client);
  return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void forget(ice_kafka_group *group, const rd_kafka_topic_partition_list_t *list) {
  for (int i = 0; i < list->cnt; i++) {
    rd_kafka_topic_partition_list_del(group->assigned, list->elems[i].topic, list->elems[i].partition);
  }
}

static void remember(ice_kafka_group *group, const rd_kafka_topic_partition_list_t *list) {
  for (int i = 0; i < list->cnt; i++) {
    rd_kafka_topic_partition_list_add(group->assigned, list->elems[i].topic, list->elems[i].partition);
  }
}

// The member owns its partitions and never reads them.
static rd_kafka_resp_err_t take(ice_kafka_group *group, rd_kafka_topic_partition_list_t *list) {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (int i = 0; i < list->cnt; i++) {
    list->elems[i].offset = RD_KAFKA_OFFSET_END;
  }
  if (is_cooperative(group)) {
    rd_kafka_error_t *error = rd_kafka_incremental_assign(group->client, list);
    code = error ? rd_kafka_error_code(error) : code;
    rd_kafka_error_destroy(error);
  } else {
    code = rd_kafka_assign(group->client, list);
  }
  return code == RD_KAFKA_RESP_ERR_NO_ERROR && list->cnt > 0 ? rd_kafka_pause_partitions(group->client, list) : code;
}

static rd_kafka_resp_err_t give_up(ice_kafka_group *group, rd_kafka_topic_partition_list_t *list) {
  if (!is_cooperative(group)) {
    return rd_kafka_assign(group->client, NULL);
  }
  rd_kafka_error_t *error = rd_kafka_incremental_unassign(group->client, list);
  rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
  rd_kafka_error_destroy(error);
  return code;
}

bool ice_kafka_group_poll(ice_kafka_group *group) {
  while (!group->waiting) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(group->events, 0);
    if (!event) {
      break;
    }
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
      group->waiting = event;
    } else {
      rd_kafka_event_destroy(event);
    }
  }
  return group->waiting != NULL;
}

ice_status ice_kafka_group_accept(ice_kafka_group *group, ice_error *err) {
  if (!group->waiting) {
    return ICE_OK;
  }
  rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(group->waiting);
  bool assigning = rd_kafka_event_error(group->waiting) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (assigning) {
    group->ever_assigned = true;
    if (!is_cooperative(group)) {
      group->assigned->cnt = 0;
    }
    code = take(group, list);
    remember(group, list);
  } else {
    forget(group, list);
    code = give_up(group, list);
  }
  group->joined = assigning || group->assigned->cnt > 0;
  rd_kafka_event_destroy(group->waiting);
  group->waiting = NULL;
  return code == RD_KAFKA_RESP_ERR_NO_ERROR
             ? ICE_OK
             : ice_error_set(err, ICE_IO, "librdkafka does not take the group's partitions: %s",
                             rd_kafka_err2str(code));
}

bool ice_kafka_group_joined(const ice_kafka_group *group) { return group->joined; }

bool ice_kafka_group_has(const ice_kafka_group *group, ice_str topic, int32_t partition) {
  char name[TOPIC_MAX];
  if (topic.size >= sizeof name) {
    return false;
  }
  memcpy(name, topic.data, topic.size);
  name[topic.size] = '\0';
  return rd_kafka_topic_partition_list_find(group->assigned, name, partition) != NULL;
}

rd_kafka_t *ice_kafka_group_client(const ice_kafka_group *group) { return group->client; }

static void leave(ice_kafka_group *group) {
  rd_kafka_error_destroy(rd_kafka_consumer_close_queue(group->client, group->events));
  for (int i = 0; i < LEAVE_STEPS_MAX && !rd_kafka_consumer_closed(group->client); i++) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(group->events, LEAVE_STEP_MS);
    if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
      // Nothing can be done about a failure here: the session time-out removes the member.
      (void)give_up(group, rd_kafka_event_topic_partition_list(event));
    }
    rd_kafka_event_destroy(event);
  }
}

// Before 2.3 librdkafka aborts the process when a member of the cooperative-sticky strategy is destroyed before its first
// assignment (confluentinc/librdkafka#4312). Such a client, which has left the group, is given up instead.
static bool can_destroy(const ice_kafka_group *group) {
  char strategy[STRATEGY_MAX];
  size_t size = sizeof strategy;
  return !group->subscribed || group->ever_assigned || rd_kafka_version() >= STICKY_STATE_VERSION ||
         (rd_kafka_conf_get(rd_kafka_conf(group->client), "partition.assignment.strategy", strategy, &size) ==
              RD_KAFKA_CONF_OK &&
          !strstr(strategy, "sticky"));
}

bool ice_kafka_group_destroy(ice_kafka_group *group) {
  if (!group) {
    return true;
  }
  if (group->waiting) {
    (void)!ice_kafka_group_accept(group, NULL);
  }
  if (group->client && group->events) {
    leave(group);
  }
  if (group->events) {
    rd_kafka_queue_destroy(group->events);
  }
  bool whole = !group->client || can_destroy(group);
  if (group->client && whole) {
    rd_kafka_destroy_flags(group->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  if (group->assigned) {
    rd_kafka_topic_partition_list_destroy(group->assigned);
  }
  free(group);
  return whole;
}

static ice_status subscribe(ice_kafka_group *group, const ice_kafka_options *options, ice_error *err) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)options->topic_count);
  for (uint32_t i = 0; i < options->topic_count; i++) {
    char name[TOPIC_MAX];
    ice_str topic = options->topics[i];
    size_t size = topic.size < sizeof name ? topic.size : sizeof name - 1;
    memcpy(name, topic.data, size);
    name[size] = '\0';
    rd_kafka_topic_partition_list_add(list, name, RD_KAFKA_PARTITION_UA);
  }
  if (options->topic_pattern.size > 0) {
    char pattern[ICE_KAFKA_PATTERN_MAX + 8];
    ice_status status = ice_kafka_pattern(options->topic_pattern, pattern, sizeof pattern, err);
    if (status != ICE_OK) {
      rd_kafka_topic_partition_list_destroy(list);
      return status;
    }
    rd_kafka_topic_partition_list_add(list, pattern, RD_KAFKA_PARTITION_UA);
  }
  rd_kafka_resp_err_t code = rd_kafka_subscribe(group->client, list);
  rd_kafka_topic_partition_list_destroy(list);
  return code == RD_KAFKA_RESP_ERR_NO_ERROR
             ? ICE_OK
             : ice_error_set(err, ICE_INVALID_ARGUMENT, "librdkafka does not subscribe: %s", rd_kafka_err2str(code));
}

// The member's view of the topics decides when the group divides new partitions.
static ice_status set_discovery(rd_kafka_conf_t *conf, const ice_kafka_options *options, ice_error *err) {
  char text[24];
  char problem[PROBLEM_MAX];
  if (options->discovery_interval_ms == 0) {
    return ICE_OK;
  }
  snprintf(text, sizeof text, "%lld", (long long)options->discovery_interval_ms);
  return rd_kafka_conf_set(conf, "topic.metadata.refresh.interval.ms", text, problem, sizeof problem) ==
                 RD_KAFKA_CONF_OK
             ? ICE_OK
             : ice_error_set(err, ICE_INVALID_ARGUMENT, "source.kafka.discovery_interval: %s", problem);
}

static void refresh_token(rd_kafka_t *client, const char *config, void *opaque) {
  (void)config;
  ice_kafka_oauth_refresh(opaque, client);
}

ice_status ice_kafka_group_create(const ice_kafka_options *options, ice_kafka_oauth *oauth, ice_kafka_group **out,
                                  ice_error *err) {
  *out = NULL;
  char problem[PROBLEM_MAX];
  rd_kafka_conf_t *conf = NULL;
  ice_status status = ICE_OK;
  ice_kafka_group *group = calloc(1, sizeof *group);
  if (!group) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a consumer group");
  }
  if (options->group.size == 0) {
    ICE_FAIL(ICE_INVALID_ARGUMENT, "source.kafka.assignment: group needs source.kafka.group");
  }
  ICE_TRY(ice_kafka_config_create(options, &conf, err));
  ICE_TRY(set_discovery(conf, options, err));
  rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR);
  // What troubles the broker is reported by the reading client.
  rd_kafka_conf_set_log_cb(conf, NULL);
  if (oauth) {
    rd_kafka_conf_set_opaque(conf, oauth);
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, refresh_token);
  }
  group->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, problem, sizeof problem);
  if (!group->client) {
    rd_kafka_conf_destroy(conf);
    ICE_FAIL(ICE_INVALID_ARGUMENT, "librdkafka does not start: %s", problem);
  }
  if (oauth) {
    ICE_TRY(ice_kafka_oauth_enable(group->client, err));
  }
  rd_kafka_poll_set_consumer(group->client);
  group->events = rd_kafka_queue_get_consumer(group->client);
  group->assigned = rd_kafka_topic_partition_list_new(16);
  if (!group->events || !group->assigned) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a consumer group");
  }
  ICE_TRY(subscribe(group, options, err));
  group->subscribed = true;
  *out = group;
  group = NULL;
done:
  // One that has not subscribed is destroyed whole.
  (void)ice_kafka_group_destroy(group);
  return status;
}
