#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "comma_locale.h"
#include "json_rows.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>

static json_rows r;

static void begin(const char *columns, const char *explode) {
  if (json_rows_open(&r, columns, explode) != ICE_OK) {
    fail_msg("%s", r.err.message);
  }
}

static int end(void **state) {
  (void)state;
  json_rows_close(&r);
  r = (json_rows){0};
  return 0;
}

// The message becomes this row, and so many values of it do not fit.
static void expect(const char *message, const char *row, size_t faults) {
  size_t before = ice_json_fault_count(&r.notes);
  if (json_rows_decode(&r, message, strlen(message)) != ICE_OK) {
    fail_msg("%s: %s", message, r.err.message);
  }
  const char *found = json_rows_text(&r, r.batch.row_count - 1);
  if (strcmp(found, row) != 0) {
    fail_msg("%s gives %s, expected %s", message, found, row);
  }
  if (ice_json_fault_count(&r.notes) - before != faults) {
    fail_msg("%s: %zu values do not fit, expected %zu", message, ice_json_fault_count(&r.notes) - before, faults);
  }
}

static void expect_damage(const char *message, const char *error) {
  int64_t rows = r.batch.row_count;
  ice_status status = json_rows_decode(&r, message, strlen(message));
  if (status != ICE_CORRUPT) {
    fail_msg("%s: %s", message, ice_status_name(status));
  }
  if (error && !strstr(r.err.message, error)) {
    fail_msg("%s: \"%s\", expected \"%s\"", message, r.err.message, error);
  }
  assert_int_equal(r.batch.row_count, rows);
}

static void test_json_decoder__members_fill_columns_in_any_order(void **state) {
  (void)state;
  begin("struct<a: long, b: string, c: boolean>", "");
  expect("{\"a\":1,\"b\":\"x\",\"c\":true}", "{\"a\":1,\"b\":\"x\",\"c\":true}", 0);
  expect("{\"c\":false,\"b\":\"y\",\"a\":2}", "{\"a\":2,\"b\":\"y\",\"c\":false}", 0);
  // The order of the last message is what is tried first now.
  expect("{\"c\":true,\"b\":\"z\",\"a\":3}", "{\"a\":3,\"b\":\"z\",\"c\":true}", 0);
  expect(" \t\r\n{ \"a\" : 4 ,\n\"b\" : \"w\" , \"c\" : null } \n", "{\"a\":4,\"b\":\"w\",\"c\":null}", 0);
  expect("{}", "{\"a\":null,\"b\":null,\"c\":null}", 0);
  expect("{\"a\":5}", "{\"a\":5,\"b\":null,\"c\":null}", 0);
  expect("{\"b\":\"\",\"x\":1,\"a\":6,\"y\":{},\"c\":false}", "{\"a\":6,\"b\":\"\",\"c\":false}", 0);
}

static void test_json_decoder__names_are_compared_whole(void **state) {
  (void)state;
  begin("struct<a: int, ab: int, exactly7: int, exactly_15_char: int, quite_a_long_name_of_a_field: int>", "");
  expect("{\"exactly7\":3,\"ab\":2,\"a\":1,\"quite_a_long_name_of_a_field\":5,\"exactly_15_char\":4}",
         "{\"a\":1,\"ab\":2,\"exactly7\":3,\"exactly_15_char\":4,\"quite_a_long_name_of_a_field\":5}", 0);
  expect("{\"exactly7x\":3,\"abc\":2,\"\":1,\"quite_a_long_name_of_a_fielt\":5,\"exactly_15_chars\":4,\"A\":1}",
         "{\"a\":null,\"ab\":null,\"exactly7\":null,\"exactly_15_char\":null,\"quite_a_long_name_of_a_field\":null}",
         0);
  // Escapes in a name stand for the same name.
  expect("{\"\\u0061\":1,\"a\\u0062\":2,\"e\\u0078actly7\":3}",
         "{\"a\":1,\"ab\":2,\"exactly7\":3,\"exactly_15_char\":null,\"quite_a_long_name_of_a_field\":null}", 0);
  // The shortest rest of a message that a name may stand in.
  expect("{\"a\":1}",
         "{\"a\":1,\"ab\":null,\"exactly7\":null,\"exactly_15_char\":null,"
         "\"quite_a_long_name_of_a_field\":null}",
         0);
}

static void test_json_decoder__unknown_members_are_skipped_and_checked(void **state) {
  (void)state;
  begin("struct<a: int>", "");
  expect("{\"x\":[1,-2.5e+3,\"\\\"\\u00e9\",true,false,null,{\"y\":[[],{}]}],\"a\":1}", "{\"a\":1}", 0);
  expect("{\"x\":{\"a\":9},\"a\":1,\"z\":\"a\"}", "{\"a\":1}", 0);
  expect_damage("{\"x\":[1,],\"a\":1}", "a value is expected");
  expect_damage("{\"x\":01,\"a\":1}", "a number that is none");
  expect_damage("{\"x\":tru,\"a\":1}", "a value is expected");
  expect_damage("{\"x\":\"\\x\",\"a\":1}", "an unknown escape");
  expect_damage("{\"x\":{\"y\"},\"a\":1}", "a colon is expected");
  expect_damage("{\"x\":{y:1},\"a\":1}", "a name in quotes is expected");
  expect_damage("{\"x\":[1 2],\"a\":1}", "a comma or ] is expected");
  expect_damage("{\"x\":{\"y\":1 \"z\":2},\"a\":1}", "a comma or } is expected");
}

static void test_json_decoder__escapes_stand_for_characters(void **state) {
  (void)state;
  begin("struct<s: string>", "");
  expect("{\"s\":\"\\\"\\\\\\/\\n\\r\\t\"}", "{\"s\":\"\\\"\\\\/\\n\\r\\t\"}", 0);
  expect("{\"s\":\"\\b\\f\"}", "{\"s\":\"\\u0008\\u000c\"}", 0);
  expect("{\"s\":\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"}", "{\"s\":\"A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"}", 0);
  expect("{\"s\":\"\xC3\xA9\"}", "{\"s\":\"\xC3\xA9\"}", 0);
  expect("{\"s\":\"0123456789abcdef\\n0123456789\"}", "{\"s\":\"0123456789abcdef\\n0123456789\"}", 0);
  // A zero byte is a character like any other.
  expect("{\"s\":\"a\\u0000b\"}", "{\"s\":\"a\\u0000b\"}", 0);
  assert_int_equal(ice_column_text(&r.batch.columns[0], r.batch.row_count - 1).size, 3);
  static const char *const damaged[] = {
      "\"\\u12\"", "\"\\u12g4\"", "\"\\uD83D\\u00\"", "\"\\\"", "\"\\x41\"",          "\"\\U0041\"",
      "\"\\u\"",   "\"a\nb\"",    "\"a\x01\"",        "\"a",    "\"0123456789\tabc\""};
  for (size_t i = 0; i < ICE_COUNT_OF(damaged); i++) {
    char message[64];
    snprintf(message, sizeof message, "{\"s\":%s}", damaged[i]);
    expect_damage(message, NULL);
  }
}

static void test_json_decoder__no_control_character_stands_in_a_string(void **state) {
  (void)state;
  begin("struct<s: string>", "");
  static const char letters[] = "{\"s\":\"abcdefghijklmnopqrst\"}";
  for (int character = 0; character < 0x80; character++) {
    for (size_t at = 6; at < sizeof letters - 3; at++) {
      char message[sizeof letters];
      memcpy(message, letters, sizeof letters);
      message[at] = (char)character;
      ice_status status = json_rows_decode(&r, message, sizeof letters - 1);
      bool special = character < 0x20 || character == '"' || character == '\\';
      // A backslash before a letter that makes an escape of it is none of this test's business.
      if (character != '\\' && (status == ICE_OK) == special) {
        fail_msg("character %d at byte %zu: %s", character, at, ice_status_name(status));
      }
      ice_batch_clear(&r.batch);
    }
  }
}

static void test_json_decoder__surrogate_pairs_reach_every_plane(void **state) {
  (void)state;
  begin("struct<s: string>", "");
  for (uint32_t code = 0x10000; code <= 0x10FFFF; code += 0x1F) {
    char message[40];
    uint8_t expected[4];
    int size = snprintf(message, sizeof message, "{\"s\":\"\\u%04x\\u%04X\"}", 0xD800 + ((code - 0x10000) >> 10),
                        0xDC00 + (code & 0x3FF));
    assert_int_equal(json_rows_decode(&r, message, (size_t)size), ICE_OK);
    ice_str found = ice_column_text(&r.batch.columns[0], 0);
    assert_int_equal(found.size, ice_utf8_encode(code, expected));
    assert_memory_equal(found.data, expected, found.size);
    ice_batch_clear(&r.batch);
  }
  expect("{\"s\":\"\\uDBFF\\uDFFF\"}", "{\"s\":\"\xF4\x8F\xBF\xBF\"}", 0);
}

// What is left of a lone surrogate is no UTF-8, so the check of whole columns finds it.
static void test_json_decoder__a_lone_surrogate_is_text_that_is_no_utf8(void **state) {
  (void)state;
  begin("struct<s: string>", "");
  static const char *const lone[][2] = {{"\\uD800", "\xED\xA0\x80"},
                                        {"\\uDC00", "\xED\xB0\x80"},
                                        {"\\uD800\\uD800", "\xED\xA0\x80\xED\xA0\x80"},
                                        {"\\uD800x", "\xED\xA0\x80x"},
                                        {"\\uD800\\n", "\xED\xA0\x80\n"},
                                        {"\\uDE00\\uD83D", "\xED\xB8\x80\xED\xA0\xBD"},
                                        {"\\uD83D\\u0041",
                                         "\xED\xA0\xBD"
                                         "A"}};
  for (size_t i = 0; i < ICE_COUNT_OF(lone); i++) {
    char message[64];
    snprintf(message, sizeof message, "{\"s\":\"%s\"}", lone[i][0]);
    assert_int_equal(json_rows_decode(&r, message, strlen(message)), ICE_OK);
    ice_str found = ice_column_text(&r.batch.columns[0], r.batch.row_count - 1);
    assert_true(ice_str_equal_c(found, lone[i][1]));
  }
}

static void test_json_decoder__the_last_of_two_equal_members_counts(void **state) {
  (void)state;
  begin("struct<a: int, s: string, l: list<int>, o: struct<x: int, y: string>, m: map<string,int>>", "");
  expect("{\"a\":1,\"a\":2,\"s\":\"first\",\"s\":\"second\",\"a\":3}",
         "{\"a\":3,\"s\":\"second\",\"l\":null,\"o\":null,\"m\":null}", 0);
  expect("{\"l\":[1,2,3],\"l\":[4],\"o\":{\"x\":1,\"y\":\"p\"},\"o\":{\"y\":\"q\"}}",
         "{\"a\":null,\"s\":null,\"l\":[4],\"o\":{\"x\":null,\"y\":\"q\"},\"m\":null}", 0);
  expect("{\"a\":1,\"a\":null,\"o\":{\"x\":1,\"x\":2},\"o\":null,\"l\":null,\"l\":[7]}",
         "{\"a\":null,\"s\":null,\"l\":[7],\"o\":null,\"m\":null}", 0);
  // What did not fit is forgotten with the value.
  expect("{\"a\":\"x\",\"a\":5,\"l\":[\"y\"],\"l\":[6],\"o\":{\"x\":\"z\"},\"o\":{\"x\":7}}",
         "{\"a\":5,\"s\":null,\"l\":[6],\"o\":{\"x\":7,\"y\":null},\"m\":null}", 0);
  expect("{\"a\":5,\"a\":\"x\"}", "{\"a\":null,\"s\":null,\"l\":null,\"o\":null,\"m\":null}", 1);
  // Entries of a map stay as they come: Parquet's readers take the last.
  expect("{\"m\":{\"k\":1,\"k\":2}}", "{\"a\":null,\"s\":null,\"l\":null,\"o\":null,\"m\":{\"k\":1,\"k\":2}}", 0);
}

static void test_json_decoder__integers_are_exact_over_their_whole_range(void **state) {
  (void)state;
  begin("struct<n: long>", "");
  static const char *const kept[][2] = {{"0", "0"},
                                        {"-0", "0"},
                                        {"9223372036854775807", "9223372036854775807"},
                                        {"-9223372036854775808", "-9223372036854775808"},
                                        {"9007199254740993", "9007199254740993"},
                                        {"1.0", "1"},
                                        {"-1.000", "-1"},
                                        {"1e3", "1000"},
                                        {"1E+3", "1000"},
                                        {"12300e-2", "123"},
                                        {"0.00123e5", "123"},
                                        {"922337203685477580.7e1", "9223372036854775807"},
                                        {"9223372036854775807.0000000000000000000000", "9223372036854775807"},
                                        {"92233720368547758070000000000000000000e-19", "9223372036854775807"},
                                        {"0e99999999999999999999", "0"},
                                        {"0.0e-5", "0"},
                                        {"\"12\"", "12"},
                                        {"\"-007\"", "-7"},
                                        {"\"+9223372036854775807\"", "9223372036854775807"}};
  static const char *const misfits[] = {"9223372036854775808",
                                        "-9223372036854775809",
                                        "18446744073709551616",
                                        "99999999999999999999999999999999999999999999",
                                        "0.5",
                                        "1e-1",
                                        "1e19",
                                        "1e99999999999999999999",
                                        "1.00000000000000000000000001",
                                        "true",
                                        "\"\"",
                                        "\"x\"",
                                        "\"1 \"",
                                        "\"0x10\"",
                                        "\"NaN\"",
                                        "[1]",
                                        "{\"n\":1}"};
  char message[128];
  char row[128];
  for (size_t i = 0; i < ICE_COUNT_OF(kept); i++) {
    snprintf(message, sizeof message, "{\"n\":%s}", kept[i][0]);
    snprintf(row, sizeof row, "{\"n\":%s}", kept[i][1]);
    expect(message, row, 0);
  }
  for (size_t i = 0; i < ICE_COUNT_OF(misfits); i++) {
    snprintf(message, sizeof message, "{\"n\":%s}", misfits[i]);
    expect(message, "{\"n\":null}", 1);
    const ice_json_fault *fault = ice_json_fault_at(&r.notes, i);
    assert_int_equal(fault->span.from, 5);
    assert_int_equal(fault->span.to, 5 + strlen(misfits[i]));
    assert_ptr_equal(fault->column, &r.batch.columns[0]);
    assert_int_equal(fault->index, r.batch.row_count - 1);
    assert_int_equal(fault->row, r.batch.row_count - 1);
  }
  end(NULL);
  begin("struct<n: int>", "");
  expect("{\"n\":2147483647}", "{\"n\":2147483647}", 0);
  expect("{\"n\":-2147483648}", "{\"n\":-2147483648}", 0);
  expect("{\"n\":2147483648}", "{\"n\":null}", 1);
  expect("{\"n\":-2147483649}", "{\"n\":null}", 1);
}

static void test_json_decoder__numbers_follow_the_grammar(void **state) {
  (void)state;
  begin("struct<n: double>", "");
  static const char *const damaged[] = {"01",  "-",   "+1",   ".5",    "1.",  "1.e5",     "1e",
                                        "1e+", "-a",  "0x10", "1_000", "NaN", "Infinity", "-Infinity",
                                        "nan", "1,5", "--1",  "00",    "-01", "1.2.3"};
  for (size_t i = 0; i < ICE_COUNT_OF(damaged); i++) {
    char message[64];
    snprintf(message, sizeof message, "{\"n\":%s}", damaged[i]);
    expect_damage(message, NULL);
  }
}

static double decode_double(const char *number) {
  char message[1200];
  snprintf(message, sizeof message, "{\"n\":%s}", number);
  if (json_rows_decode(&r, message, strlen(message)) != ICE_OK) {
    fail_msg("%s: %s", number, r.err.message);
  }
  assert_false(ice_column_is_null(&r.batch.columns[0], r.batch.row_count - 1));
  return ice_column_f64(&r.batch.columns[0], r.batch.row_count - 1);
}

static void test_json_decoder__doubles_are_rounded_correctly(void **state) {
  (void)state;
  begin("struct<n: double>", "");
  static const char *const numbers[] = {
      "0.1",
      "0.30000000000000004",
      "72.5",
      "9007199254740993",
      "9007199254740992.5",
      "9007199254740993.0000000000000000000000000001",
      "1.7976931348623157e308",
      "2.2250738585072014e-308",
      "4.9e-324",
      "2.4703282292062328e-324",
      "123456789012345678",
      "1234567890123456789012345678901234567890",
      "8.41e21",
      "9.109e-31",
      "5e-27",
      "1e23",
      "18446744073709551615e27",
      "0.000001",
      "-1.5e-7",
      "6631236846766476e-9",
      "0.50000000000000005551115123125782702118158340454101562",
      "0.500000000000000166533453693773481063544750213623046875",
  };
  for (size_t i = 0; i < ICE_COUNT_OF(numbers); i++) {
    // The C library of a process in the "C" locale is the oracle.
    double right = strtod(numbers[i], NULL);
    double found = decode_double(numbers[i]);
    if (memcmp(&found, &right, sizeof right) != 0) {
      fail_msg("%s gives %.17g, expected %.17g", numbers[i], found, right);
    }
  }
  assert_true(signbit(decode_double("-0")) != 0);
  assert_true(isnan(decode_double("\"NaN\"")));
  assert_true(decode_double("\"Infinity\"") == (double)INFINITY);
  assert_true(decode_double("\"-Infinity\"") == (double)-INFINITY);
  assert_true(decode_double("\"1.5\"") == 1.5);
  expect("{\"n\":1e400}", "{\"n\":null}", 1);
  expect("{\"n\":-1e400}", "{\"n\":null}", 1);
  expect("{\"n\":\"nan\"}", "{\"n\":null}", 1);
  expect("{\"n\":false}", "{\"n\":null}", 1);
}

static void test_json_decoder__random_doubles_and_floats_round_as_the_c_library_does(void **state) {
  (void)state;
  uint64_t seed = 20260101;
  begin("struct<n: double, f: float>", "");
  for (int i = 0; i < 200000; i++) {
    char number[64];
    char message[160];
    uint64_t bits = 0;
    double value;
    float narrow;
    for (int word = 0; word < 2; word++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      bits = bits << 32 | seed >> 32;
    }
    memcpy(&value, &bits, sizeof value);
    if (i % 4 == 0) {
      snprintf(number, sizeof number, "%lld.%0*llu", (long long)(int32_t)bits, 1 + i % 9,
               (unsigned long long)(bits >> 40));
    } else if (i % 4 == 1) {
      snprintf(number, sizeof number, "%llue%d", (unsigned long long)bits, (int)(seed >> 58) - 40);
    } else if (i % 4 == 2) {
      // Half-way between two floats, and beside.
      uint32_t low = (uint32_t)bits & 0x7F7FFFFF;
      memcpy(&narrow, &low, sizeof narrow);
      float above = nextafterf(narrow, (float)INFINITY);
      snprintf(number, sizeof number, "%.*g", 9 + i % 30, ((double)narrow + (double)above) / 2);
    } else if (isfinite(value)) {
      snprintf(number, sizeof number, "%.*g", 15 + i % 3, value);
    } else {
      continue;
    }
    int size = snprintf(message, sizeof message, "{\"n\":%s,\"f\":%s}", number, number);
    assert_int_equal(json_rows_decode(&r, message, (size_t)size), ICE_OK);
    value = strtod(number, NULL);
    narrow = strtof(number, NULL);
    assert_int_equal(ice_column_is_null(&r.batch.columns[0], 0), !isfinite(value));
    assert_int_equal(ice_column_is_null(&r.batch.columns[1], 0), !isfinite(narrow));
    double found = ice_column_f64(&r.batch.columns[0], 0);
    float found_narrow = ice_column_f32(&r.batch.columns[1], 0);
    if ((isfinite(value) && memcmp(&found, &value, sizeof value) != 0) ||
        (isfinite(narrow) && memcmp(&found_narrow, &narrow, sizeof narrow) != 0)) {
      fail_msg("seed 20260101, number %d: %s gives %.17g and %.9g", i, number, found, (double)found_narrow);
    }
    ice_batch_clear(&r.batch);
    ice_json_notes_clear(&r.notes);
  }
}

static void test_json_decoder__a_locale_with_a_comma_changes_nothing(void **state) {
  (void)state;
  begin("struct<n: double, f: float>", "");
  assert_true(comma_locale_set());
  // Few digits, and so many that the C library reads them.
  expect("{\"n\":1.5,\"f\":2.25}", "{\"n\":1.5,\"f\":2.25}", 0);
  expect("{\"n\":0.50000000000000005551115123125782702118158340454101563,\"f\":1e-40}",
         "{\"n\":0.5000000000000001,\"f\":9.99995e-41}", 0);
  comma_locale_unset();
}

static void test_json_decoder__decimals_are_exact_or_do_not_fit(void **state) {
  (void)state;
  begin("struct<d: decimal(9,2), w: decimal(38,0), s: decimal(38,38)>", "");
  expect(
      "{\"d\":1234567.89,\"w\":99999999999999999999999999999999999999,\"s\":0."
      "00000000000000000000000000000000000001}",
      "{\"d\":\"1234567.89\",\"w\":\"99999999999999999999999999999999999999\","
      "\"s\":\"0.00000000000000000000000000000000000001\"}",
      0);
  expect("{\"d\":-0.01,\"w\":-1e37,\"s\":-99999999999999999999999999999999999999e-38}",
         "{\"d\":\"-0.01\",\"w\":\"-10000000000000000000000000000000000000\","
         "\"s\":\"-0.99999999999999999999999999999999999999\"}",
         0);
  expect("{\"d\":12.500,\"w\":\"42\",\"s\":0}",
         "{\"d\":\"12.50\",\"w\":\"42\",\"s\":\"0.00000000000000000000000000000000000000\"}", 0);
  expect("{\"d\":\"1234567.89\",\"w\":100000e-5,\"s\":0e99}",
         "{\"d\":\"1234567.89\",\"w\":\"1\",\"s\":\"0.00000000000000000000000000000000000000\"}", 0);
  // No digit is dropped, and no more are kept than the precision has.
  expect("{\"d\":0.001,\"w\":0.5,\"s\":1}", "{\"d\":null,\"w\":null,\"s\":null}", 3);
  expect("{\"d\":12345678.90,\"w\":100000000000000000000000000000000000000,\"s\":1e-39}",
         "{\"d\":null,\"w\":null,\"s\":null}", 3);
  expect("{\"d\":\"NaN\",\"w\":true,\"s\":\"\"}", "{\"d\":null,\"w\":null,\"s\":null}", 3);
}

static void test_json_decoder__every_type_reads_its_text(void **state) {
  (void)state;
  begin("struct<d: date, t: time, ts: timestamp, tz: timestamptz, u: uuid, b: binary, f: fixed[3], o: boolean>", "");
  expect(
      "{\"d\":\"2024-02-29\",\"t\":\"10:11:12.5\",\"ts\":\"2024-01-01T02:00:00+02:00\",\"tz\":\"2024-01-01T00:00:"
      "00Z\","
      "\"u\":\"F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6\",\"b\":\"AQID\",\"f\":\"\\u0041QID\",\"o\":\"true\"}",
      "{\"d\":\"2024-02-29\",\"t\":\"10:11:12.500000\",\"ts\":\"2024-01-01T00:00:00\",\"tz\":\"2024-01-01T00:00:"
      "00Z\","
      "\"u\":\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\",\"b\":\"AQID\",\"f\":\"AQID\",\"o\":true}",
      0);
  expect(
      "{\"d\":\"2023-02-29\",\"t\":\"24:00\",\"ts\":\"yesterday\",\"tz\":\"\",\"u\":\"1\",\"b\":\"A\",\"f\":\"AQ==\","
      "\"o\":\"yes\"}",
      "{\"d\":null,\"t\":null,\"ts\":null,\"tz\":null,\"u\":null,\"b\":null,\"f\":null,\"o\":null}", 8);
  // A number says nothing about its unit, so it is no time.
  expect("{\"d\":19000,\"t\":1,\"ts\":1700000000000,\"tz\":0,\"u\":1,\"b\":1,\"f\":1,\"o\":1}",
         "{\"d\":null,\"t\":null,\"ts\":null,\"tz\":null,\"u\":null,\"b\":null,\"f\":null,\"o\":null}", 8);
  expect("{\"b\":\"\"}",
         "{\"d\":null,\"t\":null,\"ts\":null,\"tz\":null,\"u\":null,\"b\":\"\",\"f\":null,\"o\":null}", 0);
}

static void test_json_decoder__text_takes_any_value_as_it_stands(void **state) {
  (void)state;
  begin("struct<s: string>", "");
  expect("{\"s\":1.50}", "{\"s\":\"1.50\"}", 0);
  expect("{\"s\":true}", "{\"s\":\"true\"}", 0);
  expect("{\"s\": {\"a\": [1, \"x\"]} }", "{\"s\":\"{\\\"a\\\": [1, \\\"x\\\"]}\"}", 0);
  expect("{\"s\":[]}", "{\"s\":\"[]\"}", 0);
  expect("{\"s\":null}", "{\"s\":null}", 0);
}

static void test_json_decoder__nested_values_fill_nested_columns(void **state) {
  (void)state;
  begin(
      "struct<l: list<long>, m: map<string,double>, o: struct<a: string, b: struct<c: int>>, ll: list<list<string>>, "
      "lo: list<struct<x: int, t: timestamp>>>",
      "");
  expect(
      "{\"l\":[1,2,null],\"m\":{\"k\":1.5,\"\\u006b2\":null},\"o\":{\"b\":{\"c\":3,\"d\":0},\"a\":\"x\"},"
      "\"ll\":[[\"p\"],[],null],\"lo\":[{\"t\":\"2024-01-01T00:00:00Z\"},{\"x\":1},null]}",
      "{\"l\":[1,2,null],\"m\":{\"k\":1.5,\"k2\":null},\"o\":{\"a\":\"x\",\"b\":{\"c\":3}},\"ll\":[[\"p\"],[],null],"
      "\"lo\":[{\"x\":null,\"t\":\"2024-01-01T00:00:00\"},{\"x\":1,\"t\":null},null]}",
      0);
  expect("{\"l\":[],\"m\":{},\"o\":{},\"ll\":[ ],\"lo\":[ { } ]}",
         "{\"l\":[],\"m\":{},\"o\":{\"a\":null,\"b\":null},\"ll\":[],\"lo\":[{\"x\":null,\"t\":null}]}", 0);
  // A list or map is noted once, whatever is wrong inside; a record's own fields each for themselves.
  expect(
      "{\"l\":[1,\"x\",\"y\"],\"m\":{\"k\":[],\"j\":{}},\"o\":{\"a\":\"x\",\"b\":5},\"ll\":[[1],2],\"lo\":[{\"x\":"
      "\"y\"}]}",
      "{\"l\":[1,null,null],\"m\":{\"k\":null,\"j\":null},\"o\":{\"a\":\"x\",\"b\":null},\"ll\":[[\"1\"],null],"
      "\"lo\":[{\"x\":null,\"t\":null}]}",
      5);
  assert_ptr_equal(ice_json_fault_at(&r.notes, 0)->column, &r.batch.columns[0]);
  assert_int_equal(ice_json_fault_at(&r.notes, 0)->index, 2);
  assert_ptr_equal(ice_json_fault_at(&r.notes, 2)->column, &r.batch.columns[2].children[1]);
  assert_ptr_equal(ice_json_fault_at(&r.notes, 4)->column, &r.batch.columns[4]);
  expect("{\"l\":{},\"m\":[],\"o\":[],\"ll\":\"x\",\"lo\":0}",
         "{\"l\":null,\"m\":null,\"o\":null,\"ll\":null,\"lo\":null}", 5);
}

static void test_json_decoder__the_exploded_array_keeps_the_places_of_its_elements(void **state) {
  (void)state;
  begin("struct<id: string, d: struct<s: list<struct<v: int>>>>", "d.s");
  static const char message[] = "{\"id\":\"x\",\"d\":{\"s\":[ {\"v\":1} , {\"v\":\"bad\"},7 ]}}";
  expect(message, "{\"id\":\"x\",\"d\":{\"s\":[{\"v\":1},{\"v\":null},null]}}", 2);
  ice_json_span array = ice_json_span_at(&r.notes.arrays, 0);
  assert_memory_equal(message + array.from, "[ {\"v\":1} ", 10);
  assert_int_equal(message[array.to - 1], ']');
  assert_int_equal(r.notes.elements.size, 3 * sizeof(ice_json_span));
  ice_json_span second = ice_json_span_at(&r.notes.elements, 1);
  assert_int_equal(second.to - second.from, 11);
  assert_memory_equal(message + second.from, "{\"v\":\"bad\"}", 11);
  // Elements are columns of their own: the fault is the element's, not the array's.
  const ice_column *element = &r.batch.columns[1].children[0].children[0];
  assert_ptr_equal(ice_json_fault_at(&r.notes, 0)->column, &element->children[0]);
  assert_int_equal(ice_json_fault_at(&r.notes, 0)->index, 1);
  assert_ptr_equal(ice_json_fault_at(&r.notes, 1)->column, element);
  assert_int_equal(ice_json_fault_at(&r.notes, 1)->index, 2);
  expect("{\"d\":{\"s\":[]}}", "{\"id\":null,\"d\":{\"s\":[]}}", 0);
  expect("{\"d\":{\"s\":null}}", "{\"id\":null,\"d\":{\"s\":null}}", 0);
  assert_int_equal(r.notes.arrays.size, 3 * sizeof(ice_json_span));
  // The last of two arrays counts, in whichever object it comes again; a duplicate inside an element leaves them alone.
  expect("{\"d\":{\"s\":[{},{}],\"s\":[{\"v\":5,\"v\":6}]},\"id\":\"a\",\"id\":\"b\"}",
         "{\"id\":\"b\",\"d\":{\"s\":[{\"v\":6}]}}", 0);
  assert_int_equal(r.notes.elements.size, 4 * sizeof(ice_json_span));
  expect("{\"d\":{\"s\":[{},{}]},\"d\":{\"s\":[{\"v\":7},{\"v\":8}]}}",
         "{\"id\":null,\"d\":{\"s\":[{\"v\":7},{\"v\":8}]}}", 0);
  assert_int_equal(r.notes.elements.size, 6 * sizeof(ice_json_span));
}

static void test_json_decoder__a_message_without_the_exploded_array_is_told_from_damage(void **state) {
  (void)state;
  begin("struct<id: string, d: struct<s: list<int>>>", "d.s");
  static const char *const absent[] = {"{}", "{\"d\":{}}", "{\"d\":null}", "{\"s\":[1]}",
                                       "{\"d\":{\"s\":[1]},\"d\":{}}"};
  for (size_t i = 0; i < ICE_COUNT_OF(absent); i++) {
    assert_int_equal(json_rows_decode(&r, absent[i], strlen(absent[i])), ICE_NOT_FOUND);
  }
  static const char *const others[] = {"{\"d\":{\"s\":5}}", "{\"d\":{\"s\":{}}}", "{\"d\":{\"s\":\"[1]\"}}"};
  for (size_t i = 0; i < ICE_COUNT_OF(others); i++) {
    assert_int_equal(json_rows_decode(&r, others[i], strlen(others[i])), ICE_INVALID_ARGUMENT);
  }
  assert_string_equal(r.err.message, "\"[1]\"");
  // Damage behind it counts more.
  expect_damage("{\"d\":{\"s\":5}", NULL);
  assert_int_equal(r.batch.row_count, 0);
  assert_int_equal(ice_json_notes_memory(&r.notes) == 0 || r.notes.arrays.size + r.notes.faults.size == 0, 1);
}

static void test_json_decoder__a_message_is_one_object(void **state) {
  (void)state;
  begin("struct<a: int>", "");
  expect_damage("", "there is no value at byte 0 of 0");
  expect_damage("   ", "there is no value at byte 3 of 3");
  expect_damage("[]", "the message is no object at byte 0 of 2");
  expect_damage("\"a\"", "the message is no object");
  expect_damage("null", "the message is no object");
  expect_damage("{} {}", "something follows the end of the message at byte 3 of 5");
  expect_damage("{},", "something follows the end of the message");
  expect_damage("{\"a\":1}\x01", "something follows the end of the message");
  expect_damage("\xEF\xBB\xBF{}", "the message is no object");
  expect_damage("{\"a\":1,}", "a name in quotes is expected");
  expect_damage("{,}", "a name in quotes is expected");
  expect_damage("{\"a\" 1}", "a colon is expected");
  expect_damage("{\"a\":}", "a value is expected");
  expect_damage("{'a':1}", "a name in quotes is expected");
  expect_damage("{\"a\":1 /* x */}", "a comma or } is expected");
}

static void test_json_decoder__depth_is_limited(void **state) {
  (void)state;
  begin("struct<a: int>", "");
  enum { LEVELS = ICE_JSON_DEPTH_MAX + 1 };
  char message[2 * LEVELS + 20];
  for (int levels = ICE_JSON_DEPTH_MAX - 1; levels <= ICE_JSON_DEPTH_MAX; levels++) {
    size_t size = (size_t)snprintf(message, sizeof message, "{\"x\":");
    memset(message + size, '[', (size_t)levels);
    memset(message + size + levels, ']', (size_t)levels);
    memcpy(message + size + 2 * levels, "}", 2);
    ice_status status = json_rows_decode(&r, message, strlen(message));
    assert_int_equal(status, levels < ICE_JSON_DEPTH_MAX ? ICE_OK : ICE_CORRUPT);
  }
  assert_non_null(strstr(r.err.message, "values nest too deep"));
}

static void test_json_decoder__extras_of_one_message_are_limited(void **state) {
  (void)state;
  // 200 absent members for each element of two bytes.
  ice_bytes columns;
  ice_bytes message;
  ice_bytes_init(&columns, 1 << 20);
  ice_bytes_init(&message, 1 << 20);
  assert_int_equal(ice_bytes_append_str(&columns, ICE_STR("struct<s: list<struct<"), NULL), ICE_OK);
  for (int i = 0; i < 200; i++) {
    assert_int_equal(ice_bytes_append_format(&columns, NULL, "%sc%d: boolean", i ? ", " : "", i), ICE_OK);
  }
  assert_int_equal(ice_bytes_append_str(&columns, ICE_STR(">>>"), NULL), ICE_OK);
  begin(ice_bytes_c_str(&columns, NULL), "s");
  assert_int_equal(ice_bytes_append_str(&message, ICE_STR("{\"s\":[{}"), NULL), ICE_OK);
  for (int i = 0; i < ICE_JSON_EXTRAS_MAX / 200; i++) {
    assert_int_equal(ice_bytes_append_str(&message, ICE_STR(",{}"), NULL), ICE_OK);
  }
  assert_int_equal(ice_bytes_append_str(&message, ICE_STR("]}"), NULL), ICE_OK);
  assert_int_equal(json_rows_decode(&r, message.data, message.size), ICE_CORRUPT);
  assert_non_null(strstr(r.err.message, "more elements, members"));
  assert_int_equal(r.notes.elements.size, 0);
  ice_bytes_deinit(&columns);
  ice_bytes_deinit(&message);
}

static void test_json_decoder__looking_through_the_notes_again_and_again_is_limited(void **state) {
  (void)state;
  enum { MISFITS = 5000 };
  ice_bytes message;
  ice_bytes_init(&message, 1 << 20);
  begin("struct<l: list<int>, a: int>", "l");
  for (int repeats = 3000; repeats <= 4000; repeats += 1000) {
    ice_bytes_clear(&message);
    assert_int_equal(ice_bytes_append_str(&message, ICE_STR("{\"l\":[0"), NULL), ICE_OK);
    for (int i = 0; i < MISFITS; i++) {
      assert_int_equal(ice_bytes_append_str(&message, ICE_STR(",[]"), NULL), ICE_OK);
    }
    assert_int_equal(ice_bytes_append_str(&message, ICE_STR("]"), NULL), ICE_OK);
    for (int i = 0; i < repeats; i++) {
      assert_int_equal(ice_bytes_append_format(&message, NULL, ",\"a\":%d", i), ICE_OK);
    }
    assert_int_equal(ice_bytes_append_str(&message, ICE_STR("}"), NULL), ICE_OK);
    // 5,000 notes are looked through for each repetition.
    assert_int_equal(json_rows_decode(&r, message.data, message.size), repeats == 3000 ? ICE_OK : ICE_CORRUPT);
  }
  assert_int_equal(ice_json_fault_count(&r.notes), MISFITS);
  assert_int_equal(ice_column_i32(&r.batch.columns[1], 0), 2999);
  ice_bytes_deinit(&message);
}

static void test_json_decoder__every_prefix_of_a_message_is_damaged(void **state) {
  (void)state;
  begin(
      "struct<a: long, d: double, s: string, o: boolean, l: list<struct<x: int>>, m: map<string,string>, r: "
      "struct<t: "
      "timestamp>>",
      "l");
  static const char message[] =
      "{\"a\":-12,\"d\":1.5e-3,\"u\":[null,{\"q\":\"\\u00e9\"}],\"s\":\"a\\ud83d\\ude00b\",\"o\":false,\"l\":[{\"x\":"
      "1},"
      "{\"x\":\"y\"}],\"m\":{\"k\":\"v\"},\"r\":{\"t\":\"2024-01-01T00:00:00Z\"}}";
  for (size_t size = 0; size < sizeof message - 1; size++) {
    assert_int_equal(json_rows_decode(&r, message, size), ICE_CORRUPT);
    assert_int_equal(r.notes.faults.size + r.notes.elements.size + r.notes.arrays.size, 0);
  }
  expect(message,
         "{\"a\":-12,\"d\":0.0015,\"s\":\"a\xF0\x9F\x98\x80"
         "b\",\"o\":false,\"l\":[{\"x\":1},{\"x\":null}],\"m\":{\"k\":\"v\"},"
         "\"r\":{\"t\":\"2024-01-01T00:00:00\"}}",
         1);
}

// A damaged byte anywhere gives damage or a row, and leaves the batch whole.
static void test_json_decoder__no_damaged_byte_spoils_the_batch(void **state) {
  (void)state;
  begin("struct<a: long, s: string, l: list<struct<x: int, m: map<string,double>>>>", "l");
  static const char good[] = "{\"a\":1,\"s\":\"x\\n\",\"l\":[{\"x\":1,\"m\":{\"k\":1.5}},{\"x\":2}]}";
  char message[sizeof good];
  size_t rows = 0;
  for (size_t at = 0; at < sizeof good - 1; at++) {
    for (int value = 0; value < 256; value++) {
      memcpy(message, good, sizeof good);
      message[at] = (char)value;
      ice_status status = json_rows_decode(&r, message, sizeof good - 1);
      rows += status == ICE_OK;
      assert_true(status == ICE_OK || status == ICE_CORRUPT || status == ICE_NOT_FOUND);
      assert_int_equal(r.batch.row_count, rows);
      assert_int_equal(r.notes.arrays.size, rows * sizeof(ice_json_span));
      assert_int_equal(r.notes.elements.size, (size_t)r.batch.columns[2].children[0].length * sizeof(ice_json_span));
    }
  }
  // What stands in strings and numbers may be much else.
  assert_true(rows > 1500);
}

static void test_json_decoder__refuses_columns_that_no_object_fills(void **state) {
  (void)state;
  assert_int_equal(json_rows_open(&r, "struct<m: map<int,string>>", ""), ICE_INVALID_ARGUMENT);
  assert_non_null(strstr(r.err.message, "keys of type int"));
  end(NULL);
  assert_int_equal(json_rows_open(&r, "struct<a: int, b: struct<c: int>>", "b.c"), ICE_INVALID_ARGUMENT);
  assert_non_null(strstr(r.err.message, "no list b.c"));
}

// Random documents -------------------------------------------------------------------------------------------------

static uint64_t random_state;

static uint64_t below(uint64_t limit) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (random_state >> 33) % limit;
}

static json_t *random_text(void) {
  static const char *const pieces[] = {
      "a", "\"", "\\", "\n", "\x01", "\xC3\xA9", "\xF0\x9F\x98\x80", "0123456789abcdef", "/"};
  char text[200] = "";
  for (uint64_t i = below(8); i > 0; i--) {
    strcat(text, pieces[below(ICE_COUNT_OF(pieces))]);
  }
  return json_string(text);
}

static json_t *random_number(void) {
  return below(2) ? json_integer((json_int_t)(below(1u << 31) << 32 | below(1u << 31)) - INT64_C(0x4000000000000000))
                  : json_real(((double)below(1000000007) - 5e8) / (double)(1 + below(1000)));
}

// What the columns of the next test hold, in a random order, with members that no column wants.
static json_t *random_message(json_t **kept) {
  json_t *message = json_object();
  *kept = json_object();
  static const char *const names[] = {"long", "text", "unwanted", "list", "map", "record", "flag", "other"};
  uint64_t first = below(ICE_COUNT_OF(names));
  for (size_t i = 0; i < ICE_COUNT_OF(names); i++) {
    const char *name = names[(first + i * 3) % ICE_COUNT_OF(names)];
    json_t *value = NULL;
    if (strcmp(name, "long") == 0) {
      value = json_integer((json_int_t)(below(1u << 31) << 32 | below(1u << 31)) - INT64_C(0x4000000000000000));
    } else if (strcmp(name, "text") == 0) {
      value = random_text();
    } else if (strcmp(name, "list") == 0) {
      value = json_array();
      for (uint64_t count = below(4); count > 0; count--) {
        json_array_append_new(value, below(5) ? json_real(((double)below(100000) - 5e4) / 64) : json_null());
      }
    } else if (strcmp(name, "map") == 0) {
      value = json_object();
      for (uint64_t count = below(4); count > 0; count--) {
        char key[] = {(char)('a' + (int)count), '"', '\0'};
        json_object_set_new(value, key, random_text());
      }
    } else if (strcmp(name, "record") == 0) {
      value = json_pack("{s:o, s:b}", "inner", random_text(), "yes", (int)below(2));
    } else if (strcmp(name, "flag") == 0) {
      value = json_boolean((int)below(2));
    } else {
      value = json_pack("[o, {s:o}, n]", random_number(), "x", random_text());
      json_object_set_new(message, name, value);
      continue;
    }
    json_object_set_new(message, name, value);
    json_object_set(*kept, name, value);
  }
  return message;
}

static void test_json_decoder__reads_back_what_jansson_writes(void **state) {
  (void)state;
  random_state = 7;
  begin(
      "struct<long: long, text: string, list: list<double>, map: map<string,string>, record: struct<inner: string, "
      "yes: boolean>, flag: boolean>",
      "");
  for (int i = 0; i < 20000; i++) {
    json_t *kept;
    json_t *message = random_message(&kept);
    size_t flags = i % 3 == 0 ? JSON_ENSURE_ASCII : i % 3 == 1 ? JSON_INDENT(2) : JSON_COMPACT | JSON_ESCAPE_SLASH;
    char *text = json_dumps(message, flags | JSON_REAL_PRECISION(17));
    if (json_rows_decode(&r, text, strlen(text)) != ICE_OK) {
      fail_msg("seed 7, message %d: %s\n%s", i, r.err.message, text);
    }
    json_t *found = json_loads(json_rows_text(&r, 0), JSON_ALLOW_NUL, NULL);
    // jansson tells 1.0 from 1, and what is written again may be either.
    char *expected_text = json_dumps(kept, JSON_SORT_KEYS | JSON_COMPACT);
    json_t *list = json_object_get(found, "list");
    for (size_t item = 0; item < json_array_size(list); item++) {
      if (json_is_integer(json_array_get(list, item))) {
        json_array_set_new(list, item, json_real(json_number_value(json_array_get(list, item))));
      }
    }
    char *found_text = json_dumps(found, JSON_SORT_KEYS | JSON_COMPACT);
    if (strcmp(expected_text, found_text) != 0) {
      fail_msg("seed 7, message %d:\n%s\nexpected\n%s", i, found_text, expected_text);
    }
    assert_int_equal(ice_json_fault_count(&r.notes), 0);
    free(text);
    free(expected_text);
    free(found_text);
    json_decref(found);
    json_decref(message);
    json_decref(kept);
    ice_batch_clear(&r.batch);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_json_decoder__members_fill_columns_in_any_order, end),
      cmocka_unit_test_teardown(test_json_decoder__names_are_compared_whole, end),
      cmocka_unit_test_teardown(test_json_decoder__unknown_members_are_skipped_and_checked, end),
      cmocka_unit_test_teardown(test_json_decoder__escapes_stand_for_characters, end),
      cmocka_unit_test_teardown(test_json_decoder__no_control_character_stands_in_a_string, end),
      cmocka_unit_test_teardown(test_json_decoder__surrogate_pairs_reach_every_plane, end),
      cmocka_unit_test_teardown(test_json_decoder__a_lone_surrogate_is_text_that_is_no_utf8, end),
      cmocka_unit_test_teardown(test_json_decoder__the_last_of_two_equal_members_counts, end),
      cmocka_unit_test_teardown(test_json_decoder__integers_are_exact_over_their_whole_range, end),
      cmocka_unit_test_teardown(test_json_decoder__numbers_follow_the_grammar, end),
      cmocka_unit_test_teardown(test_json_decoder__doubles_are_rounded_correctly, end),
      cmocka_unit_test_teardown(test_json_decoder__random_doubles_and_floats_round_as_the_c_library_does, end),
      cmocka_unit_test_teardown(test_json_decoder__a_locale_with_a_comma_changes_nothing, end),
      cmocka_unit_test_teardown(test_json_decoder__decimals_are_exact_or_do_not_fit, end),
      cmocka_unit_test_teardown(test_json_decoder__every_type_reads_its_text, end),
      cmocka_unit_test_teardown(test_json_decoder__text_takes_any_value_as_it_stands, end),
      cmocka_unit_test_teardown(test_json_decoder__nested_values_fill_nested_columns, end),
      cmocka_unit_test_teardown(test_json_decoder__the_exploded_array_keeps_the_places_of_its_elements, end),
      cmocka_unit_test_teardown(test_json_decoder__a_message_without_the_exploded_array_is_told_from_damage, end),
      cmocka_unit_test_teardown(test_json_decoder__a_message_is_one_object, end),
      cmocka_unit_test_teardown(test_json_decoder__depth_is_limited, end),
      cmocka_unit_test_teardown(test_json_decoder__extras_of_one_message_are_limited, end),
      cmocka_unit_test_teardown(test_json_decoder__looking_through_the_notes_again_and_again_is_limited, end),
      cmocka_unit_test_teardown(test_json_decoder__every_prefix_of_a_message_is_damaged, end),
      cmocka_unit_test_teardown(test_json_decoder__no_damaged_byte_spoils_the_batch, end),
      cmocka_unit_test_teardown(test_json_decoder__refuses_columns_that_no_object_fills, end),
      cmocka_unit_test_teardown(test_json_decoder__reads_back_what_jansson_writes, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
