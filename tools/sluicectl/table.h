#ifndef SLUICE_TOOLS_SLUICECTL_TABLE_H_
#define SLUICE_TOOLS_SLUICECTL_TABLE_H_

#include <string>
#include <utility>
#include <vector>

namespace sluice::sluicectl {

// What a cell means to the reader; shown as a colour where colours are on.
enum class Tone { kPlain, kGood, kWarning, kBad, kFaint, kHeader };

struct Cell {
  Cell(std::string t = "", Tone o = Tone::kPlain) : text(std::move(t)), tone(o) {}  // NOLINT
  Cell(const char* t) : text(t) {}                                                  // NOLINT

  // May hold anything: it is escaped when it is shown.
  std::string text;
  Tone tone = Tone::kPlain;
};

struct Column {
  std::string title;
  // Whether its cells (numbers) stand at its right edge.
  bool right_aligned = false;
  // Columns of the terminal that it has at least, where rows are shown one by one.
  int min_width = 0;
};

struct TableStyle {
  bool color = false;
  // Columns of the terminal, into which long values are cut; 0: there is none, nothing is cut.
  int width = 0;
};

// `text`, which must be safe to show, in the colour of `tone` if colours are on.
std::string Colored(const std::string& text, Tone tone, bool color);

// A table whose rows are all known: a header, then rows aligned by display columns.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // `cells` has as many cells as the table has columns.
  void Add(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }

  // The whole table, each line ended by a newline. Too long for the terminal: the widest columns
  // give way first.
  std::string Render(const TableStyle& style) const;

 private:
  const std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// A table whose rows come one by one: columns begin at their min_width and grow when a cell needs
// it; only the last one is cut.
class RowTable {
 public:
  RowTable(std::vector<Column> columns, TableStyle style);

  std::string Header();
  std::string Row(const std::vector<Cell>& cells);

 private:
  const std::vector<Column> columns_;
  const TableStyle style_;
  std::vector<int> widths_;
};

}  // namespace sluice::sluicectl

#endif  // SLUICE_TOOLS_SLUICECTL_TABLE_H_
