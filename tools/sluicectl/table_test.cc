#include "tools/sluicectl/table.h"

#include <gtest/gtest.h>

namespace sluice::sluicectl {
namespace {

Table Devices() {
  Table table({{"ID"}, {"READINGS", /*right_aligned=*/true}, {"NOTE"}});
  table.Add({"pump-7", "5", "温度 sensor"});
  table.Add({"x", "12345", Cell("ok", Tone::kGood)});
  return table;
}

TEST(TableTest, AlignsByDisplayColumns) {
  EXPECT_EQ(Devices().Render({}),
            "ID      READINGS  NOTE\n"
            "pump-7         5  温度 sensor\n"
            "x          12345  ok\n");
  Table wide({{"A"}, {"B"}});
  wide.Add({"温度", "1"});
  wide.Add({"abc", "2"});
  EXPECT_EQ(wide.Render({}), "A     B\n温度  1\nabc   2\n");
}

TEST(TableTest, ColorsOnlyWhenAsked) {
  EXPECT_EQ(Devices().Render({}).find('\x1b'), std::string::npos);
  TableStyle style;
  style.color = true;
  EXPECT_NE(Devices().Render(style).find("\x1b[32mok\x1b[0m"), std::string::npos);
}

TEST(TableTest, EscapesWhatDevicesMade) {
  Table table({{"A"}, {"B"}});
  table.Add({"\x1b[2J\n", "x"});
  EXPECT_EQ(table.Render({}), "A          B\n\\x1b[2J\\n  x\n");
}

TEST(TableTest, TheWidestColumnGivesWayOnANarrowTerminal) {
  Table table({{"ID"}, {"DETAIL"}});
  table.Add({"pump-7", std::string(100, 'd')});
  TableStyle style;
  style.width = 20;
  EXPECT_EQ(table.Render(style), "ID      DETAIL\npump-7  ddddddddddd…\n");
  style.width = 0;
  EXPECT_NE(table.Render(style).find(std::string(100, 'd')), std::string::npos);
}

TEST(RowTableTest, ColumnsGrowAndOnlyTheLastIsCut) {
  TableStyle style;
  style.width = 24;
  RowTable table({{"DEVICE", false, 8}, {"READINGS"}}, style);
  EXPECT_EQ(table.Header(), "DEVICE    READINGS\n");
  EXPECT_EQ(table.Row({"a", "1"}), "a         1\n");
  EXPECT_EQ(table.Row({"a-long-device", "0123456789abc"}), "a-long-device  01234567…\n");
  EXPECT_EQ(table.Row({"b", "2\x1b"}), "b              2\\x1b\n");
}

}  // namespace
}  // namespace sluice::sluicectl
