#include "tools/sluicectl/table.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "tools/sluicectl/display_text.h"

namespace sluice::sluicectl {
namespace {

constexpr int kSeparatorColumns = 2;
// A column is not made narrower than this when the terminal is too small.
constexpr int kNarrowestColumn = 8;

const char* ColorCode(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kFaint:
      return "\x1b[2m";
    case Tone::kHeader:
      return "\x1b[1m";
    case Tone::kPlain:
      break;
  }
  return "";
}

std::vector<Cell> HeaderCells(const std::vector<Column>& columns) {
  std::vector<Cell> cells;
  for (const Column& column : columns) cells.emplace_back(column.title, Tone::kHeader);
  return cells;
}

// One line of cells that are escaped already.
std::string Line(const std::vector<Column>& columns, const std::vector<Cell>& cells,
                 const std::vector<int>& widths, bool cut, bool color) {
  std::string line;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) line.append(kSeparatorColumns, ' ');
    const std::string text = cut ? CutToWidth(cells[i].text, widths[i]) : cells[i].text;
    const int missing = std::max(0, widths[i] - DisplayWidth(text));
    if (columns[i].right_aligned) line.append(missing, ' ');
    line += Colored(text, cells[i].tone, color);
    if (!columns[i].right_aligned && i + 1 < columns.size()) line.append(missing, ' ');
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line + "\n";
}

int TotalWidth(const std::vector<int>& widths) {
  return std::accumulate(widths.begin(), widths.end(), 0) +
         kSeparatorColumns * (static_cast<int>(widths.size()) - 1);
}

// Takes columns away from the widest column until the line fits, or nothing more can be taken.
void ShrinkToFit(int line_width, std::vector<int>* widths) {
  while (TotalWidth(*widths) > line_width) {
    const auto widest = std::max_element(widths->begin(), widths->end());
    if (*widest <= kNarrowestColumn) return;
    --*widest;
  }
}

}  // namespace

std::string Colored(const std::string& text, Tone tone, bool color) {
  if (!color || tone == Tone::kPlain || text.empty()) return text;
  return absl::StrCat(ColorCode(tone), text, "\x1b[0m");
}

std::string Table::Render(const TableStyle& style) const {
  std::vector<std::vector<Cell>> lines = {HeaderCells(columns_)};
  std::vector<int> widths(columns_.size(), 0);
  for (const auto& row : rows_) lines.push_back(row);
  for (auto& line : lines) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      line[i].text = EscapeForDisplay(line[i].text);
      widths[i] = std::max(widths[i], DisplayWidth(line[i].text));
    }
  }
  if (style.width > 0) ShrinkToFit(style.width, &widths);
  std::string out;
  for (const auto& line : lines) {
    out += Line(columns_, line, widths, style.width > 0, style.color);
  }
  return out;
}

RowTable::RowTable(std::vector<Column> columns, TableStyle style)
    : columns_(std::move(columns)), style_(style) {
  for (const Column& column : columns_) {
    widths_.push_back(std::max(column.min_width, DisplayWidth(column.title)));
  }
}

std::string RowTable::Header() { return Row(HeaderCells(columns_)); }

std::string RowTable::Row(const std::vector<Cell>& cells) {
  std::vector<Cell> escaped = cells;
  int before_last = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    escaped[i].text = EscapeForDisplay(escaped[i].text);
    if (i + 1 == columns_.size()) break;
    widths_[i] = std::max(widths_[i], DisplayWidth(escaped[i].text));
    before_last += widths_[i] + kSeparatorColumns;
  }
  if (style_.width > 0) {
    const int room = std::max(style_.width - before_last, kNarrowestColumn);
    escaped.back().text = CutToWidth(escaped.back().text, room);
  }
  return Line(columns_, escaped, widths_, /*cut=*/false, style_.color);
}

}  // namespace sluice::sluicectl
