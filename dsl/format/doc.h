// A document: text that knows where it may be broken into lines, after Wadler's "A prettier
// printer" (2003) with the fill and line suffixes of Prettier.
//
//   group(text("f("), indent(4, soft(), a, text(","), line(), b), soft(), text(")"))
//
//   f(a, b)      where it fits          f(           where it does not
//                                           a,
//                                           b
//                                       )
//
// A comment is a suffix: it goes to the end of the line that is being written, and breaks every
// group around it.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace bitloom::dsl::format_detail {

struct Doc {
  enum class Kind {
    Text,
    Line,    // a blank, or a line break in a broken group
    Soft,    // nothing, or a line break in a broken group
    Hard,    // a line break
    Broken,  // text that stands only in a broken group
    Suffix,  // a comment for the end of the line
    Concat,
    Indent,
    Group,
    Fill,  // parts at even places, breaks at odd ones: each break is a line break only where the
           // next part does not fit
  };
  Kind kind = Kind::Concat;
  std::string text;
  std::size_t columns = 0;  // of an Indent
  std::vector<Doc> parts;
  bool breaks = false;  // holds a hard break or a suffix

  // Behind what is there.
  void add(Doc part) {
    if (kind != Kind::Concat && kind != Kind::Fill) {
      Doc first = std::exchange(*this, Doc());
      add(std::move(first));
    }
    breaks = breaks || part.breaks;
    parts.push_back(std::move(part));
  }
};

Doc text(std::string text);
Doc line();
Doc soft();
Doc hard();
Doc broken(std::string text);
Doc suffix(std::string comment);
Doc indent(std::size_t columns, Doc inner);
Doc group(Doc inner);
Doc fill();  // to be given parts and breaks in turn

template <class... Parts>
Doc concat(Parts... parts) {
  Doc result;
  (result.add(std::move(parts)), ...);
  return result;
}

// Lines that are being written. A line keeps its comment apart, so that those of neighbours can be
// aligned.
class Lines {
 public:
  explicit Lines(std::size_t width) : width_(width) {}

  // Writes `doc` as whole lines, from `column` on.
  void write(const Doc& doc, std::size_t column);
  void blank();
  // Whether the last line can be given a comment: it is no comment, and has none.
  bool takes_comment() const;
  void comment(std::string text) { lines_.back().comment = std::move(text); }
  void own_line(std::string text, std::size_t column);
  bool empty() const { return lines_.empty(); }

  std::string str() const;

 private:
  struct Item {
    std::string code, comment;
    bool is_comment = false;  // the code is a comment
    bool aligns_with(const Item& other) const;
  };
  struct Command {
    std::size_t column = 0;
    bool flat = false;
    const Doc* doc = nullptr;
    std::size_t from = 0;  // of a Fill: the first part that is still to be written
  };

  bool fits(const Doc& doc, std::size_t used, const std::vector<Command>* rest) const;
  void write_fill(const Command& command, std::vector<Command>& stack);
  void end_line(std::size_t next_column);

  std::size_t width_;
  std::vector<Item> lines_;
  std::vector<std::string> pending_;  // suffixes of the line that is being written
};

// In cells of a terminal, as far as a formatter needs to know: code points.
std::size_t width_of(const std::string& text);

}  // namespace bitloom::dsl::format_detail
