#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "codec/iso8601.h"
#include <stdio.h>

static const int64_t second = 1000000;

static int64_t parse(const char *text) {
  int64_t us = 0;
  if (!ice_iso8601_parse_timestamp(ice_str_of(text), &us)) {
    fail_msg("\"%s\" is refused", text);
  }
  return us;
}

static void refuse(const char *text) {
  int64_t us = -7;
  if (ice_iso8601_parse_timestamp(ice_str_of(text), &us) || us != -7) {
    fail_msg("\"%s\" is taken as %lld", text, (long long)us);
  }
}

static void test_iso8601__reads_the_forms_of_a_timestamp(void **state) {
  (void)state;
  assert_int_equal(parse("1970-01-01T00:00:00Z"), 0);
  assert_int_equal(parse("1970-01-01"), 0);
  assert_int_equal(parse("1970-01-01T00:00"), 0);
  assert_int_equal(parse("2000-02-29T12:34:56.789012Z"), 951827696789012);
  assert_int_equal(parse("2000-02-29 12:34:56,789012z"), 951827696789012);
  assert_int_equal(parse("2000-02-29t12:34:56.789012"), 951827696789012);
  assert_int_equal(parse("2024-12-31T23:59:59Z"), 1735689599 * second);
}

static void test_iso8601__offsets_are_applied(void **state) {
  (void)state;
  int64_t noon = parse("2024-06-01T12:00:00Z");
  assert_int_equal(parse("2024-06-01T14:00:00+02:00"), noon);
  assert_int_equal(parse("2024-06-01T14:00:00+0200"), noon);
  assert_int_equal(parse("2024-06-01T14:00:00+02"), noon);
  assert_int_equal(parse("2024-06-01T04:30:00-07:30"), noon);
  assert_int_equal(parse("2024-06-02T00:00:00+12:00"), noon);
  assert_int_equal(parse("2024-06-01T12:00:00-00:00"), noon);
  assert_int_equal(parse("2024-06-01T12:00Z"), noon);
  assert_int_equal(parse("2024-06-02T11:59+23:59"), noon);
  assert_int_equal(parse("2024-06-01T14:00:00.25+02:00"), noon + 250000);
}

static void test_iso8601__fractions_are_dropped_towards_the_past(void **state) {
  (void)state;
  assert_int_equal(parse("1970-01-01T00:00:00.1Z"), 100000);
  assert_int_equal(parse("1970-01-01T00:00:00.000001Z"), 1);
  assert_int_equal(parse("1970-01-01T00:00:00.0000019Z"), 1);
  assert_int_equal(parse("1970-01-01T00:00:00.999999999Z"), 999999);
  // Before 1970 the past is away from zero: 1969-12-31T23:59:59.9999999 lies between -1 and 0 microseconds.
  assert_int_equal(parse("1969-12-31T23:59:59.9999999Z"), -1);
  assert_int_equal(parse("1969-12-31T23:59:59.9999990Z"), -1);
  assert_int_equal(parse("1969-12-31T23:59:59.0000009Z"), -second);
  char text[200] = "1969-12-31T23:59:59.";
  for (size_t i = 20; i < 180; i++) {
    text[i] = '9';
  }
  assert_int_equal(parse(text), -1);
}

static void test_iso8601__years_from_0001_to_9999(void **state) {
  (void)state;
  assert_int_equal(parse("0001-01-01T00:00:00Z"), -62135596800 * second);
  assert_int_equal(parse("9999-12-31T23:59:59.999999Z"), 253402300800 * second - 1);
  refuse("0000-12-31T23:59:59Z");
  refuse("10000-01-01T00:00:00Z");
  refuse("-0001-01-01T00:00:00Z");
  refuse("+2024-01-01T00:00:00Z");
  // The offset counts too.
  refuse("0001-01-01T00:00:00+00:01");
  assert_int_equal(parse("0001-01-01T00:01:00+00:01"), -62135596800 * second);
  refuse("9999-12-31T23:59:59.999999-00:01");
  assert_int_equal(parse("9999-12-31T23:59:59-00:00"), 253402300799 * second);
}

static void test_iso8601__refuses_leap_seconds_and_hour_24(void **state) {
  (void)state;
  refuse("2016-12-31T23:59:60Z");
  refuse("2024-01-01T24:00:00Z");
  refuse("2024-01-01T24:00Z");
  refuse("2024-01-01T23:60:00Z");
  refuse("2024-01-01T25:00:00Z");
  assert_true(parse("2024-01-01T23:59:59Z") > 0);
}

static void test_iso8601__months_and_days_have_their_ranges(void **state) {
  (void)state;
  static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  static const struct {
    int year;
    bool leap;
  } years[] = {{2023, false}, {2024, true}, {1900, false}, {2000, true},
               {2100, false}, {4, true},    {100, false},  {400, true}};
  for (size_t y = 0; y < ICE_COUNT_OF(years); y++) {
    for (int month = 0; month <= 13; month++) {
      int days = month < 1 || month > 12 ? 0 : lengths[month - 1] + (month == 2 && years[y].leap);
      for (int day = 0; day <= 32; day++) {
        char text[32];
        int64_t us;
        int32_t date;
        snprintf(text, sizeof text, "%04d-%02d-%02d", years[y].year, month, day);
        bool expected = day >= 1 && day <= days;
        assert_int_equal(ice_iso8601_parse_timestamp(ice_str_of(text), &us), expected);
        assert_int_equal(ice_iso8601_parse_date(ice_str_of(text), &date), expected);
        if (expected) {
          assert_int_equal(date, ice_days_from_civil(years[y].year, month, day));
          assert_int_equal(us, date * INT64_C(86400) * second);
        }
      }
    }
  }
}

static void test_iso8601__refuses_what_is_no_timestamp(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "yesterday",
                                      "2024",
                                      "2024-01",
                                      "2024-1-01T00:00:00Z",
                                      "2024-01-1T00:00:00Z",
                                      "20240101T000000Z",
                                      "2024/01/01T00:00:00Z",
                                      "2024-01-01T",
                                      "2024-01-01T0",
                                      "2024-01-01T00",
                                      "2024-01-01T00:",
                                      "2024-01-01T00:0",
                                      "2024-01-01T00:00:",
                                      "2024-01-01T00:00:0",
                                      "2024-01-01T00:00:00.",
                                      "2024-01-01T00:00:00.Z",
                                      "2024-01-01T00:00:00,",
                                      "2024-01-01T00:00.5Z",
                                      "2024-01-01T00:00:00ZZ",
                                      "2024-01-01T00:00:00Z ",
                                      " 2024-01-01T00:00:00Z",
                                      "2024-01-01_00:00:00Z",
                                      "2024-01-01T00:00:00+",
                                      "2024-01-01T00:00:00+1",
                                      "2024-01-01T00:00:00+1:00",
                                      "2024-01-01T00:00:00+24:00",
                                      "2024-01-01T00:00:00+01:60",
                                      "2024-01-01T00:00:00+01:0",
                                      "2024-01-01T00:00:00+010",
                                      "2024-01-01T00:00:00+01:000",
                                      "2024-01-01T00:00:00 UTC",
                                      "2024-01-01T00:00:00[Europe/Berlin]",
                                      "2024-01-01Z",
                                      "2024-01-01T00:00:00\xE2\x80\xAF"
                                      "Z",
                                      "1704067200000",
                                      "2024-W01-1",
                                      "2024-001"};
  for (size_t i = 0; i < ICE_COUNT_OF(texts); i++) {
    refuse(texts[i]);
  }
}

static void test_iso8601__every_other_byte_at_any_place_is_refused(void **state) {
  (void)state;
  const char *good = "2021-11-11T11:11:11.111Z";
  parse(good);
  for (size_t at = 0; at < strlen(good); at++) {
    bool wants_digit = good[at] == '1' || good[at] == '2' || good[at] == '0';
    for (int byte = 0; byte < 256; byte++) {
      char text[32];
      memcpy(text, good, 25);
      text[at] = (char)byte;
      bool digit = byte >= '0' && byte <= '9';
      bool stands_for = (at == 10 && (byte == 't' || byte == ' ')) || (at == 19 && (byte == ',' || byte == '.')) ||
                        (at == 23 && (byte == 'z' || digit));
      // Another offset may follow the seconds or the fraction; digits alone cannot stand for one.
      if (text[at] != good[at] && !stands_for && !(wants_digit && digit)) {
        int64_t us;
        if (ice_iso8601_parse_timestamp(ice_str_make(text, 24), &us)) {
          fail_msg("byte %d at %zu is taken", byte, at);
        }
      }
    }
  }
}

static void test_iso8601__every_day_goes_there_and_back(void **state) {
  (void)state;
  int64_t first = ice_days_from_civil(1, 1, 1);
  int64_t last = ice_days_from_civil(9999, 12, 31);
  assert_int_equal(ice_days_from_civil(1970, 1, 1), 0);
  assert_int_equal(first, -719162);
  assert_int_equal(last, 2932896);
  int64_t year = 1;
  int month = 1;
  int day = 0;
  for (int64_t days = first; days <= last; days++) {
    int64_t y;
    int m;
    int d;
    ice_civil_from_days(days, &y, &m, &d);
    bool next_day = y == year && m == month && d == day + 1;
    bool next_month = d == 1 && ((y == year && m == month + 1) || (y == year + 1 && m == 1 && month == 12));
    assert_true(next_day || next_month);
    assert_int_equal(ice_days_from_civil(y, m, d), days);
    year = y;
    month = m;
    day = d;
  }
  assert_int_equal(year, 9999);
}

static void check_format(int64_t us, const char *expected) {
  char text[ICE_ISO8601_SIZE];
  assert_int_equal(ice_iso8601_format_timestamp(us, text), strlen(expected));
  assert_string_equal(text, expected);
}

static void test_iso8601__writes_what_it_reads(void **state) {
  (void)state;
  check_format(0, "1970-01-01T00:00:00");
  check_format(-1, "1969-12-31T23:59:59.999999");
  check_format(951827696789012, "2000-02-29T12:34:56.789012");
  check_format(253402300800 * second - 1, "9999-12-31T23:59:59.999999");
  check_format(-62135596800 * second, "0001-01-01T00:00:00");
  check_format(253402300800 * second, "+10000-01-01T00:00:00");
  check_format(-62135596800 * second - second, "+0000-12-31T23:59:59");
  char text[ICE_ISO8601_SIZE];
  assert_true(ice_iso8601_format_timestamp(INT64_MIN, text) < ICE_ISO8601_SIZE);
  assert_true(ice_iso8601_format_timestamp(INT64_MAX, text) < ICE_ISO8601_SIZE);
  uint64_t seed = 3;
  for (int i = 0; i < 100000; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    int64_t us = (int64_t)(seed % (uint64_t)(315537897600 * second)) - 62135596800 * second;
    ice_iso8601_format_timestamp(us, text);
    assert_int_equal(parse(text), us);
  }
}

static void test_iso8601__dates_and_times_alone(void **state) {
  (void)state;
  int32_t days;
  int64_t us;
  char text[ICE_ISO8601_SIZE];
  assert_false(ice_iso8601_parse_date(ICE_STR("2024-01-01T00:00"), &days));
  assert_false(ice_iso8601_parse_date(ICE_STR("2024-01-0"), &days));
  assert_true(ice_iso8601_parse_date(ICE_STR("1969-12-31"), &days));
  assert_int_equal(days, -1);
  assert_int_equal(ice_iso8601_format_date(-1, text), 10);
  assert_string_equal(text, "1969-12-31");
  assert_true(ice_iso8601_parse_time(ICE_STR("23:59:59.9999999"), &us));
  assert_int_equal(us, 86400 * second - 1);
  ice_iso8601_format_time(us, text);
  assert_string_equal(text, "23:59:59.999999");
  assert_true(ice_iso8601_parse_time(ICE_STR("07:05"), &us));
  ice_iso8601_format_time(us, text);
  assert_string_equal(text, "07:05:00");
  assert_false(ice_iso8601_parse_time(ICE_STR("24:00"), &us));
  assert_false(ice_iso8601_parse_time(ICE_STR("23:59:60"), &us));
  assert_false(ice_iso8601_parse_time(ICE_STR("12:00Z"), &us));
  assert_false(ice_iso8601_parse_time(ICE_STR(""), &us));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_iso8601__reads_the_forms_of_a_timestamp),
      cmocka_unit_test(test_iso8601__offsets_are_applied),
      cmocka_unit_test(test_iso8601__fractions_are_dropped_towards_the_past),
      cmocka_unit_test(test_iso8601__years_from_0001_to_9999),
      cmocka_unit_test(test_iso8601__refuses_leap_seconds_and_hour_24),
      cmocka_unit_test(test_iso8601__months_and_days_have_their_ranges),
      cmocka_unit_test(test_iso8601__refuses_what_is_no_timestamp),
      cmocka_unit_test(test_iso8601__every_other_byte_at_any_place_is_refused),
      cmocka_unit_test(test_iso8601__every_day_goes_there_and_back),
      cmocka_unit_test(test_iso8601__writes_what_it_reads),
      cmocka_unit_test(test_iso8601__dates_and_times_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
