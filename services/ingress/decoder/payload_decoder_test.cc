#include "services/ingress/decoder/payload_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::ingress {
namespace {

using ::testing::HasSubstr;

class PayloadDecoderTest : public ::testing::Test {
 protected:
  absl::Status Decode(absl::string_view payload, absl::string_view type = "") {
    const auto telemetry = decoder_.Decode(type, payload);
    readings_.Clear();
    if (telemetry.ok()) readings_ = (*telemetry)->readings();
    return telemetry.status();
  }

  // The readings in short: `metric=value@time`.
  std::string Read(absl::string_view payload, absl::string_view type = "") {
    const absl::Status status = Decode(payload, type);
    if (!status.ok()) return std::string(status.message());
    std::vector<std::string> parts;
    for (const v1::Reading& reading : readings_) {
      std::string part = absl::StrCat(reading.metric(), "=");
      switch (reading.value_case()) {
        case v1::Reading::kDoubleValue:
          absl::StrAppend(&part, "d", reading.double_value());
          break;
        case v1::Reading::kIntValue:
          absl::StrAppend(&part, "i", reading.int_value());
          break;
        case v1::Reading::kBoolValue:
          absl::StrAppend(&part, reading.bool_value() ? "true" : "false");
          break;
        case v1::Reading::kStringValue:
          absl::StrAppend(&part, "'", reading.string_value(), "'");
          break;
        default:
          absl::StrAppend(&part, "?");
      }
      if (reading.has_time()) {
        absl::StrAppend(&part, "@", reading.time().seconds(), "+", reading.time().nanos());
      }
      parts.push_back(part);
    }
    return absl::StrJoin(parts, " ");
  }

  void ExpectMalformed(absl::string_view payload, absl::string_view what) {
    const absl::Status status = Decode(payload);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << payload.substr(0, 100);
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(what)))
        << payload.substr(0, 100);
  }

  PayloadDecoder decoder_;
  google::protobuf::RepeatedPtrField<v1::Reading> readings_;
};

TEST_F(PayloadDecoderTest, ReadsObjects) {
  EXPECT_EQ(Read(R"({"temperature":21.5,"count":3,"on":true,"off":false,"name":"a\u00e9\n"})"),
            "temperature=d21.5 count=i3 on=true off=false name='a\xc3\xa9\n'");
  EXPECT_EQ(Read(" { \"a\" : 1 , \"b\" : { \"c\" : 2 , \"d\" : { \"e\" : 3 } } } \r\n"),
            "a=i1 b.c=i2 b.d.e=i3");
  EXPECT_EQ(Read(R"({"a":null,"b":1,"c":{},"d":""})"), "b=i1 d=''");
}

TEST_F(PayloadDecoderTest, ReadsTheOtherForms) {
  EXPECT_EQ(Read(R"({"ts":1700000000123,"values":{"a":1,"b":{"c":2}}})"),
            "a=i1@1700000000+123000000 b.c=i2@1700000000+123000000");
  EXPECT_EQ(Read(R"({"value":7,"ts":0})"), "value=i7@0+0");
  EXPECT_EQ(Read(R"({"a":7,"ts":null})"), "a=i7");
  EXPECT_EQ(Read(R"({"a":{"ts":5},"ts":1000})"), "a.ts=i5@1+0");
  EXPECT_EQ(Read(R"({"values":{"a":1},"b":2})"), "a=i1 b=i2");
  EXPECT_EQ(Read(R"({"values":3,"value":4})"), "values=i3 value=i4");
  EXPECT_EQ(Read("21.5"), "value=d21.5");
  EXPECT_EQ(Read(" -3\n"), "value=i-3");
  EXPECT_EQ(Read(R"([{"a":1,"ts":1000},{"a":2,"ts":2000},null,5,{"value":6}])"),
            "a=i1@1+0 a=i2@2+0 value=i5 value=i6");
}

TEST_F(PayloadDecoderTest, KeepsWholeNumbersExact) {
  EXPECT_EQ(Read(R"({"a":9007199254740993})"), "a=i9007199254740993");
  EXPECT_EQ(Read("9223372036854775807"), "value=i9223372036854775807");
  EXPECT_EQ(Read(R"({"a":-9223372036854775808})"), "a=i-9223372036854775808");
  ExpectMalformed(R"({"a":9223372036854775808})",
                  "'a': 9223372036854775808 is a whole number beyond the range of int64");
  ExpectMalformed("9223372036854775808", "beyond the range of int64");
}

TEST_F(PayloadDecoderTest, ReadsContentTypes) {
  EXPECT_EQ(Read("1", "application/json"), "value=i1");
  EXPECT_EQ(Read("1", "Application/JSON; charset=utf-8"), "value=i1");
  EXPECT_EQ(Read("1", " ; x=y"), "value=i1");
  EXPECT_EQ(Read(" 1.5 ", "text/plain;charset=utf-8"), "value=d1.5");
  EXPECT_EQ(Decode("{\"a\":1}", "text/plain").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Decode("null", "text/plain").code(), absl::StatusCode::kInvalidArgument);
  for (const char* type : {"application/cbor", "application/jsonx", "text/html", "json"}) {
    const absl::Status status = Decode("1", type);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << type;
    EXPECT_THAT(std::string(status.message()), HasSubstr(type));
  }
}

TEST_F(PayloadDecoderTest, RefusesWhatIsEmptyOrTooLarge) {
  ExpectMalformed("", "empty");
  ExpectMalformed(" \r\n\t", "empty");
  for (const char* none : {"{}", "[]", "null", "[null]", "{\"a\":null}", "{\"ts\":5}",
                           "{\"ts\":5,\"values\":{}}", "[{}]"}) {
    ExpectMalformed(none, "no reading");
  }
  const std::string largest = "{\"a\":\"" + std::string((64 << 10) - 8, 'x') + "\"}";
  ASSERT_EQ(largest.size(), 64u << 10);
  EXPECT_TRUE(Decode(largest).ok());
  EXPECT_EQ(Decode(largest + " ").code(), absl::StatusCode::kOutOfRange);
}

TEST_F(PayloadDecoderTest, SaysWhereItIsNotUtf8) {
  ExpectMalformed("{\"a\":\"x\xff\"}", "byte 7: is not UTF-8");
  ExpectMalformed(" {\"\xc0\xaf\":1}", "byte 3: is not UTF-8");
  ExpectMalformed("[1,2]\xff", "byte 5: is not UTF-8");
  ExpectMalformed("\xff\xfe", "must be a JSON object");
}

TEST_F(PayloadDecoderTest, RefusesNumbersThatAreNone) {
  ExpectMalformed(R"({"a":1e999})", "byte 5 ('a'): '1e999' is beyond the range of a double");
  ExpectMalformed("-1e999", "beyond the range of a double");
  for (const char* bad : {"NaN", "Infinity", "-Infinity", "nan", "inf", "+1", "01", "1.", ".5",
                          "0x1F", "1e", "--1", "1 2"}) {
    ExpectMalformed(bad, "must be a JSON object, an array or a number");
    ExpectMalformed(absl::StrCat("{\"a\":", bad, "}"), "");
    ExpectMalformed(absl::StrCat("[", bad, "]"), "");
    ExpectMalformed(absl::StrCat("{\"ts\":", bad, ",\"a\":1}"), "");
  }
}

TEST_F(PayloadDecoderTest, RefusesWhatIsNotJson) {
  for (const char* bad : {"{",
                          "}",
                          "[",
                          "]",
                          "{\"a\"",
                          "{\"a\":",
                          "{\"a\":1",
                          "{\"a\":1,",
                          "{\"a\":1,}",
                          "[1,]",
                          "[,1]",
                          "[1 2]",
                          "[1}",
                          "{\"a\":1]",
                          "{\"a\" 1}",
                          "{a:1}",
                          "{'a':1}",
                          "{\"a\":1 \"b\":2}",
                          "{\"a\":1}}",
                          "{\"a\":1}{\"b\":2}",
                          "{\"a\":1} x",
                          "[1] [2]",
                          "[1],",
                          "{\"a\":\"x}",
                          "{\"a\":\"\\x\"}",
                          "{\"a\":\"\\ud800\"}",
                          "{\"a\":\"\n\"}",
                          "{\"a\":tru}",
                          "{\"a\":nul}",
                          "{\"a\":nulll}",
                          "{\"a\":truee}",
                          "{\"a\":undefined}",
                          "\"text\"",
                          "true",
                          "{\"a\":[1]}",
                          "[[1]]",
                          "[\"x\"]",
                          "[true]",
                          "{1:2}",
                          "{\"a\":{\"b\":1}",
                          "[{\"a\":1]",
                          "{\"\":1}",
                          "{\"a\":{\"\":1}}",
                          "{\"a\":1,,\"b\":2}",
                          "\xef\xbb\xbf{}",
                          "{\"\\ud800\":1}",
                          "{\"a\":}",
                          "[1,2",
                          "{\"a\":1\"",
                          "{\"a\":\"b\"\"c\"}",
                          "{\"ts\":[],\"a\":1}"}) {
    ExpectMalformed(bad, "");
  }
  ExpectMalformed(R"({"a":1,"b":tru})", "byte 11 ('b'): 'tru' is not a value");
  ExpectMalformed(R"({"a":{"b":[1]}})", "'a.b': an array is allowed only at the top");
  ExpectMalformed("{\"a\":1} x", "byte 8");
}

TEST_F(PayloadDecoderTest, NamesKeysThatStandThereTwice) {
  ExpectMalformed(R"({"a":1,"a":2})", "the key 'a' stands there twice");
  ExpectMalformed(R"({"a":{"b":1,"b":2}})", "'a.b'");
  ExpectMalformed(R"({"a":{"b":1},"a.b":2})", "'a.b'");
  ExpectMalformed(R"({"a":{},"a":1})", "'a'");
  ExpectMalformed(R"({"a":1,"\u0061":2})", "'a'");
  ExpectMalformed(R"({"ts":1,"a":1,"ts":2})", "'ts'");
  ExpectMalformed(R"({"values":{"a":1},"values":{"b":1}})", "'values'");
  ExpectMalformed(R"({"values":{"a":1},"a":2})", "'a'");
  EXPECT_EQ(Read(R"([{"a":1},{"a":2}])"), "a=i1 a=i2");
}

TEST_F(PayloadDecoderTest, BoundsTheNesting) {
  const auto nested = [](int levels) {
    std::string payload;
    for (int i = 0; i < levels; ++i) payload += "{\"a\":";
    return payload + "1" + std::string(levels, '}');
  };
  EXPECT_TRUE(Decode(nested(32)).ok());
  ExpectMalformed(nested(33), "nested deeper than 32 levels");
  EXPECT_EQ(Decode("[" + nested(31) + "]").code(), absl::StatusCode::kOk);
  ExpectMalformed("[" + nested(32) + "]", "nested deeper than 32 levels");
  ExpectMalformed(nested(9000), "nested deeper than 32 levels");
  ExpectMalformed(std::string(30000, '[') + std::string(30000, ']'), "");
  ExpectMalformed(std::string(60000, '['), "");
  ExpectMalformed(std::string(60000, '{'), "");
  EXPECT_EQ(Decode(std::string(100000, '[') + std::string(100000, ']')).code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(PayloadDecoderTest, BoundsReadingsAndNames) {
  std::string many = "[0";
  for (int i = 1; i < kMaxReadings; ++i) many += ",1";
  EXPECT_TRUE(Decode(many + "]").ok());
  EXPECT_EQ(readings_.size(), kMaxReadings);
  ExpectMalformed(many + ",1]", "more than 1024 readings");
  ExpectMalformed(many + ",{\"a\":\"x\"}]", "more than 1024 readings");
  ExpectMalformed(many + ",{\"a\":true}]", "more than 1024 readings");

  EXPECT_TRUE(Decode("{\"" + std::string(256, 'm') + "\":1}").ok());
  ExpectMalformed("{\"" + std::string(257, 'm') + "\":1}", "longer than 256 bytes");
  ExpectMalformed("{\"" + std::string(128, 'm') + "\":{\"" + std::string(128, 'm') + "\":1}}",
                  "longer than 256 bytes");
  ExpectMalformed(R"({"a\u0007b":1})", "holds a control character");
  ExpectMalformed(R"({"a\u0000b":1})", "holds a control character");
}

TEST_F(PayloadDecoderTest, ChecksTheTime) {
  EXPECT_EQ(Read(R"({"ts":253402300799999,"a":1})"), "a=i1@253402300799+999000000");
  for (const char* bad : {"-1", "253402300800000", "1.5", "1e3", "\"now\"", "true", "{}", "[]",
                          "99999999999999999999"}) {
    ExpectMalformed(absl::StrCat("{\"a\":1,\"ts\":", bad, "}"), "ts");
  }
}

TEST_F(PayloadDecoderTest, LeavesNothingOfWhatCameBefore) {
  const std::string timed = R"([{"ts":1000,"a":"x","b":true,"c":2,"d":0.5},{"ts":2000,"e":3}])";
  const std::string others[] = {"7", "[8,null,9]", R"({"f":1,"g":2.5,"h":"","i":false})",
                                R"([{"j":{"k":"y"}},{"ts":3000,"l":1,"m":"z"}])"};
  for (const std::string& other : others) {
    PayloadDecoder fresh;
    const std::string expected = (*fresh.Decode("", other))->SerializeAsString();
    const auto telemetry = decoder_.Decode("", timed);
    ASSERT_TRUE(telemetry.ok());
    (*telemetry)->set_device_id("thermo-1");
    EXPECT_EQ((*decoder_.Decode("", other))->SerializeAsString(), expected) << other;
    EXPECT_FALSE(decoder_.Decode("", "[{\"ts\":4000,\"n\":\"t\",\"o\":[]}]").ok());
    EXPECT_EQ((*decoder_.Decode("", other))->SerializeAsString(), expected) << other;
  }
}

TEST_F(PayloadDecoderTest, WorksOnAfterEveryPrefixAndEveryFlippedByteOfAPayload) {
  const std::string good =
      R"([{"ts":1700000000123,"values":{"a":1.5e3,"b":{"c":"\u00e9"}}},7,null])";
  const std::string expected = Read(good);
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(Decode(good.substr(0, i)).ok()) << i;
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = good;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      Decode(flipped).IgnoreError();
      ASSERT_LE(readings_.size(), 4);
    }
    ASSERT_EQ(Read(good), expected);
  }
}

}  // namespace
}  // namespace sluice::ingress
