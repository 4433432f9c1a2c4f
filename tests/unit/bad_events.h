/* bad_events.h: event files and schemas that must be refused, with the status, the place and a part of the message.
 * Included by dataset_test.c. */
#ifndef SROPE_TESTS_UNIT_BAD_EVENTS_H
#define SROPE_TESTS_UNIT_BAD_EVENTS_H

#include "sirenrope/sirenrope.h"

/* Item: video (hash), tag (index 0 to 4, a CSV calls it topic), n (number), v (2 numbers); action: done. */
#define BAD_EVENTS_FEATURES                                                                          \
  "\"features\":{\"item\":[{\"name\":\"video\",\"kind\":\"hash\",\"buckets\":100,\"dim\":2},"        \
  "{\"name\":\"tag\",\"kind\":\"index\",\"size\":5,\"dim\":2},{\"name\":\"n\",\"kind\":\"number\"}," \
  "{\"name\":\"v\",\"kind\":\"vector\",\"dim\":2}],\"action\":[{\"name\":\"done\",\"kind\":\"number\"}]}"
#define BAD_EVENTS_SCHEMA                                                                     \
  "{\"labels\":[\"like\",\"share\"]," BAD_EVENTS_FEATURES                                     \
  ",\"signals\":[\"near\",\"far\"],\"splits\":{\"validation\":1000,\"test\":\"2026-01-01\"}," \
  "\"columns\":{\"time\":\"at\",\"item.tag\":\"topic\"}}"
#define BAD_EVENTS_CONFIG "{\"labels\":[\"like\"],\"angle_signals\":[\"far\"]," BAD_EVENTS_FEATURES "}"
#define BAD_SCHEMA(rest) "{\"labels\":[\"like\"]," BAD_EVENTS_FEATURES rest "}"
#define BAD_HEADER \
  "user,at,request,utc_offset_minutes,item.video,topic,item.n,item.v,action.done,signal.far,label.like\n"
#define GOOD_LINE "{\"user\":1,\"time\":5}\n"
#define GOOD_ROW "1,5,,,,,,,,,\n"

typedef struct bad_event {
  const char *schema, *config; /* NULL = those above */
  const char *name, *text;     /* the event file; NULL = none */
  srope_status status;
  const char *where; /* "" = the folder's path */
  const char *message;
} bad_event;

#define LINE(text_, status_, where_, message_) \
  { NULL, NULL, "events.ndjson", GOOD_LINE text_, SROPE_ERR_##status_, "events.ndjson line 2" where_, message_ }
#define ROW(text_, status_, where_, message_) \
  { NULL, NULL, "events.csv", BAD_HEADER GOOD_ROW text_, SROPE_ERR_##status_, "events.csv line 3" where_, message_ }
#define SCHEMA_IS(schema_, where_, message_) \
  { schema_, NULL, "events.ndjson", GOOD_LINE, SROPE_ERR_CONFIG, "schema.json" where_, message_ }
#define ASKED(config_, where_, message_) \
  { NULL, config_, "events.ndjson", GOOD_LINE, SROPE_ERR_CONFIG, where_, message_ }

static const bad_event bad_events[] = {
    /* a line of NDJSON */
    LINE("nonsense\n", FORMAT, ", byte 0", "expected an event in JSON, found an error"),
    LINE("{\"user\":1,\"time\":6\n", FORMAT, ", byte 18", "expected an event in JSON"),
    LINE("[1]\n", FORMAT, "", "expected an event, which is an object, found a list"),
    LINE("{\"time\":6}\n", FORMAT, ", user", "expected a string or a whole number, found nothing"),
    LINE("{\"user\":null,\"time\":6}\n", FORMAT, ", user", "found nothing"),
    LINE("{\"user\":1.5,\"time\":6}\n", FORMAT, ", user", "expected a whole number up to 2^53, found 1.5"),
    LINE("{\"user\":\"\",\"time\":6}\n", FORMAT, ", user", "expected a user's name, found \"\""),
    LINE("{\"user\":[1],\"time\":6}\n", FORMAT, ", user", "found a list"),
    LINE("{\"user\":1}\n", FORMAT, ", time", "expected Unix milliseconds or an ISO 8601 string, found nothing"),
    LINE("{\"user\":1,\"time\":true}\n", FORMAT, ", time", "found a boolean"),
    LINE("{\"user\":1,\"time\":\"yesterday\"}\n", TIME, ", time", "expected YYYY-MM-DD"),
    LINE("{\"user\":1,\"time\":\"2026-13-01\"}\n", TIME, ", time", "expected a month from 01 to 12, found 13"),
    LINE("{\"user\":1,\"time\":1e400}\n", TIME, ", time", "expected a finite time"),
    LINE("{\"user\":1,\"time\":9e15}\n", TIME, ", time", "within 8.64e15 milliseconds of 1970, found 9000000000000000"),
    LINE("{\"user\":1,\"time\":4}\n", TIME, ", time",
         "expected no time before the user's last event (0.005 s), found 0.004 s"),
    LINE("{\"user\":1,\"time\":6,\"request\":1.5}\n", FORMAT, ", request",
         "expected a whole number up to 2^53, found 1.5"),
    LINE("{\"user\":1,\"time\":6,\"request\":{}}\n", FORMAT, ", request", "found an object"),
    LINE("{\"user\":1,\"time\":6,\"utc_offset_minutes\":\"60\"}\n", FORMAT, ", utc_offset_minutes",
         "expected a number, found a string"),
    LINE("{\"user\":1,\"time\":6,\"utc_offset_minutes\":1441}\n", VALUE, ", utc_offset_minutes",
         "between -1440 and 1440 minutes, found 1441"),
    LINE("{\"user\":1,\"time\":6,\"item\":[1]}\n", FORMAT, ", item",
         "expected an object of named values, found a list"),
    LINE("{\"user\":1,\"time\":6,\"item\":{\"tag\":5}}\n", FEATURE, ", item.tag",
         "expected an integer from 0 to 4, found 5"),
    LINE("{\"user\":1,\"time\":6,\"item\":{\"tag\":[0,1,\"x\"]}}\n", FEATURE, ", item.tag[2]",
         "expected an integer, found a string"),
    LINE("{\"user\":1,\"time\":6,\"item\":{\"video\":1.5}}\n", FEATURE, ", item.video", "found 1.5"),
    LINE("{\"user\":1,\"time\":6,\"item\":{\"n\":\"1\"}}\n", FEATURE, ", item.n",
         "expected a number or a boolean, found a string"),
    LINE("{\"user\":1,\"time\":6,\"item\":{\"n\":1e39}}\n", FEATURE, ", item.n", "that a float32 holds"),
    LINE("{\"user\":1,\"time\":6,\"item\":{\"v\":[1]}}\n", FEATURE, ", item.v", "expected 2 numbers, found 1"),
    LINE("{\"user\":1,\"time\":6,\"item\":{\"v\":[1,null]}}\n", FEATURE, ", item.v[1]",
         "expected a number, found nothing"),
    LINE("{\"user\":1,\"time\":6,\"action\":{\"done\":{}}}\n", FEATURE, ", action.done", "found an object"),
    LINE("{\"user\":1,\"time\":6,\"signal\":[1]}\n", FEATURE, ", signal", "expected 2 numbers, found 1"),
    LINE("{\"user\":1,\"time\":6,\"signal\":[1,\"x\"]}\n", FORMAT, ", signal[1]", "expected a number, found a string"),
    LINE("{\"user\":1,\"time\":6,\"signal\":{\"far\":true}}\n", FORMAT, ", signal.far",
         "expected a number, found a boolean"),
    LINE("{\"user\":1,\"time\":6,\"signal\":3}\n", FORMAT, ", signal", "expected an object or a list of numbers"),
    LINE("{\"user\":1,\"time\":6,\"label\":{\"like\":1.25}}\n", VALUE, ", label.like",
         "expected a label from 0 to 1, found 1.25"),
    LINE("{\"user\":1,\"time\":6,\"label\":{\"like\":-1}}\n", VALUE, ", label.like", "found -1"),
    LINE("{\"user\":1,\"time\":6,\"label\":{\"like\":\"yes\"}}\n", FORMAT, ", label.like",
         "expected a number from 0 to 1 or a boolean, found a string"),
    LINE("{\"user\":1,\"time\":6,\"label\":[1]}\n", FORMAT, ", label",
         "expected an object of named labels, found a list"),
    /* a row of CSV */
    ROW("1,6,,,,,,,,\n", FORMAT, "", "expected 11 fields as in the header, found 10"),
    ROW(",6,,,,,,,,,\n", FORMAT, ", column user", "expected a user's name, found \"\""),
    ROW("1,,,,,,,,,,\n", FORMAT, ", column at", "expected Unix milliseconds or an ISO 8601 time, found \"\""),
    ROW("1,soon,,,,,,,,,\n", TIME, ", column at", "expected YYYY-MM-DD"),
    ROW("1,1e400,,,,,,,,,\n", TIME, ", column at", "within 8.64e15 milliseconds"),
    ROW("1,4,,,,,,,,,\n", TIME, ", column at", "expected no time before the user's last event"),
    ROW("1,6,,one,,,,,,,\n", FORMAT, ", column utc_offset_minutes", "expected a number of minutes, found \"one\""),
    ROW("1,6,,-1441,,,,,,,\n", VALUE, ", column utc_offset_minutes", "found -1441"),
    ROW("1,6,,,,5,,,,,\n", FEATURE, ", column topic", "expected an integer from 0 to 4, found 5"),
    ROW("1,6,,,,0|x,,,,,\n", FEATURE, ", column topic", "expected an integer, found a string"),
    ROW("1,6,,,,2.5,,,,,\n", FEATURE, ", column topic", "found 2.5"),
    ROW("1,6,,,,,one,,,,\n", FEATURE, ", column item.n", "expected a number or a boolean, found a string"),
    ROW("1,6,,,,,1|2,,,,\n", FEATURE, ", column item.n", "found a string"),
    ROW("1,6,,,,, 1,,,,\n", FEATURE, ", column item.n", "found a string"),
    ROW("1,6,,,,,,1,,,\n", FEATURE, ", column item.v", "expected 2 numbers, found 1"),
    ROW("1,6,,,,,,1|,,,\n", FEATURE, ", column item.v", "expected a number, found nothing"),
    ROW("1,6,,,,,,,NaN,,\n", FEATURE, ", column action.done", "found a string"),
    ROW("1,6,,,,,,,,x,\n", FORMAT, ", column signal.far", "expected a number, found \"x\""),
    ROW("1,6,,,,,,,,1e39,\n", VALUE, ", column signal.far", "float32's range"),
    ROW("1,6,,,,,,,,,yes\n", FORMAT, ", column label.like",
        "expected a number from 0 to 1, true or false, found \"yes\""),
    ROW("1,6,,,,,,,,,2\n", VALUE, ", column label.like", "expected a label from 0 to 1, found 2"),
    ROW("\"1,6\n", FORMAT, "", "expected a closing quote, found the file's end"),
    /* files */
    {NULL, NULL, "events.ndjson", GOOD_LINE "{\"user\":2,\"time\":4}\n" GOOD_LINE, SROPE_ERR_FORMAT,
     "events.ndjson line 3, user", "expected a user's events together"},
    {NULL, NULL, "events.csv", BAD_HEADER GOOD_ROW "2,4,,,,,,,,,\n" GOOD_ROW, SROPE_ERR_FORMAT,
     "events.csv line 4, column user", "expected a user's events together"},
    {NULL, NULL, "events.csv", "user,at\n1,5\n", SROPE_ERR_FORMAT, "events.csv line 1",
     "expected a column \"item.video\" in the header"},
    {NULL, NULL, "events.csv", "user,time,topic\n", SROPE_ERR_FORMAT, "events.csv line 1",
     "expected a column \"at\" in the header"},
    {NULL, NULL, "events.csv", "", SROPE_ERR_FORMAT, "events.csv line 1", "expected a header, found an empty file"},
    {NULL, NULL, "events.csv", BAD_HEADER, SROPE_ERR_FORMAT, "", "expected at least one event, found none"},
    {NULL, NULL, "events.ndjson", "", SROPE_ERR_FORMAT, "", "expected at least one event, found none"},
    {NULL, NULL, "events.ndjson", "\n \r\n\n", SROPE_ERR_FORMAT, "", "expected at least one event, found none"},
    {NULL, NULL, "events.json", GOOD_LINE, SROPE_ERR_FORMAT, "", "expected event files, events*.ndjson or events*.csv"},
    {NULL, NULL, NULL, NULL, SROPE_ERR_FORMAT, "", "expected event files, events*.ndjson or events*.csv"},
    /* schema.json */
    SCHEMA_IS("", " byte 0", "expected JSON"),
    SCHEMA_IS("[]", "", "expected an object, found a list"),
    SCHEMA_IS("{}", ", features", "expected an object with the lists item, action, context, found nothing"),
    SCHEMA_IS("{\"features\":{\"item\":{}}}", ", features.item", "expected a list of features"),
    SCHEMA_IS("{\"features\":{\"item\":[{\"name\":\"a\",\"kind\":\"hash\",\"dim\":2}]}}", ", features.item[0].buckets",
              "expected a whole number"),
    SCHEMA_IS("{\"features\":{}}", ", labels", "expected a list of names or an object, not empty, found nothing"),
    SCHEMA_IS("{\"features\":{},\"labels\":[]}", ", labels", "not empty"),
    SCHEMA_IS("{\"features\":{},\"labels\":[\"a\",\"a\"]}", ", labels", "the name \"a\" is there twice"),
    SCHEMA_IS("{\"features\":{},\"labels\":[\"a\",1]}", ", labels",
              "expected strings only, none empty, found a number"),
    SCHEMA_IS("{\"features\":{},\"labels\":{\"a\":true}}", ", labels", "found a boolean"),
    SCHEMA_IS("{\"features\":{},\"labels\":[\"a\"]}", ", splits",
              "expected an object with validation and test, found nothing"),
    SCHEMA_IS(BAD_SCHEMA(",\"splits\":{\"validation\":1}"), ", splits.test",
              "expected Unix milliseconds or an ISO 8601 string, found nothing"),
    SCHEMA_IS(BAD_SCHEMA(",\"splits\":{\"validation\":\"soon\",\"test\":1}"), ", splits.validation",
              "expected YYYY-MM-DD"),
    SCHEMA_IS(BAD_SCHEMA(",\"splits\":{\"validation\":2,\"test\":1}"), ", splits",
              "expected validation not after test"),
    SCHEMA_IS(BAD_SCHEMA(",\"splits\":{\"validation\":1,\"test\":1},\"signals\":{}"), ", signals",
              "expected a list of names, found an object"),
    SCHEMA_IS(BAD_SCHEMA(",\"splits\":{\"validation\":1,\"test\":1},\"columns\":[]"), ", columns",
              "expected an object from name to column"),
    SCHEMA_IS(BAD_SCHEMA(",\"splits\":{\"validation\":1,\"test\":1},\"columns\":{\"user\":1}"), ", columns",
              "found a number"),
    SCHEMA_IS(BAD_SCHEMA(",\"splits\":{\"validation\":1,\"test\":1},\"list_separator\":\"ab\""), ", list_separator",
              "or one of"),
    SCHEMA_IS(BAD_SCHEMA(",\"splits\":{\"validation\":1,\"test\":1},\"list_separator\":\"e\""), ", list_separator",
              "or one of"),
    /* what is asked */
    ASKED("", "configuration byte 0", "expected JSON"),
    ASKED("[]", "configuration", "expected an object"),
    ASKED("{}", "labels", "not empty"),
    ASKED("{\"labels\":[\"love\"]}", "love", "schema.json has no such label"),
    ASKED("{\"labels\":[\"like\"],\"angle_signals\":[\"up\"]}", "up", "schema.json has no such signal"),
    ASKED("{\"labels\":[\"like\"],\"features\":{\"item\":[{\"name\":\"title\",\"kind\":\"hash\",\"buckets\":2,\"dim\":"
          "2}]}}",
          "item.title", "schema.json has no such feature"),
    ASKED("{\"labels\":[\"like\"],\"features\":{\"context\":[{\"name\":\"n\",\"kind\":\"number\"}]}}", "context.n",
          "has no such feature"),
    ASKED("{\"labels\":[\"like\"],\"features\":{\"action\":[{\"name\":\"time.sin_day\",\"kind\":\"number\"}]}}",
          "action.time.sin_day", "has no such feature"),
};

#endif
