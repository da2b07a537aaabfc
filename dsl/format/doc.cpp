#include "dsl/format/doc.h"

#include <algorithm>

namespace bitloom::dsl::format_detail {
namespace {

Doc make(Doc::Kind kind, std::string text, bool breaks) {
  Doc doc;
  doc.kind = kind;
  doc.text = std::move(text);
  doc.breaks = breaks;
  return doc;
}

Doc wrap(Doc::Kind kind, std::size_t columns, Doc inner) {
  Doc doc;
  doc.kind = kind;
  doc.columns = columns;
  doc.breaks = inner.breaks;
  doc.parts.push_back(std::move(inner));
  return doc;
}

}  // namespace

Doc text(std::string text) {
  return make(Doc::Kind::Text, std::move(text), false);
}
Doc line() {
  return make(Doc::Kind::Line, {}, false);
}
Doc soft() {
  return make(Doc::Kind::Soft, {}, false);
}
Doc hard() {
  return make(Doc::Kind::Hard, {}, true);
}
Doc broken(std::string text) {
  return make(Doc::Kind::Broken, std::move(text), false);
}
Doc suffix(std::string comment) {
  return make(Doc::Kind::Suffix, std::move(comment), true);
}
Doc indent(std::size_t columns, Doc inner) {
  return wrap(Doc::Kind::Indent, columns, std::move(inner));
}
Doc group(Doc inner) {
  return wrap(Doc::Kind::Group, 0, std::move(inner));
}

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

Doc fill() {
  return make(Doc::Kind::Fill, {}, false);
}

// Whether `doc`, flat, and what follows it up to the next line break fit behind `used` columns.
bool Lines::fits(const Doc& doc, std::size_t used, const std::vector<Command>* rest) const {
  std::vector<Command> stack{{0, true, &doc}};
  std::size_t next = rest ? rest->size() : 0;
  while (used <= width_) {
    if (stack.empty()) {
      if (next == 0) return true;
      stack.push_back((*rest)[--next]);
    }
    const Command command = stack.back();
    stack.pop_back();
    const Doc& d = *command.doc;
    switch (d.kind) {
      case Doc::Kind::Text:
        used += width_of(d.text);
        break;
      case Doc::Kind::Line:
      case Doc::Kind::Soft:
        if (!command.flat) return true;
        used += d.kind == Doc::Kind::Line ? 1 : 0;
        break;
      case Doc::Kind::Hard:
        return true;
      case Doc::Kind::Broken:
        if (!command.flat) used += width_of(d.text);
        break;
      case Doc::Kind::Suffix:
        break;
      case Doc::Kind::Concat:
      case Doc::Kind::Indent:
      case Doc::Kind::Group:
      case Doc::Kind::Fill:
        for (std::size_t i = d.parts.size(); i > command.from; --i)
          stack.push_back({0, command.flat, &d.parts[i - 1]});
        break;
    }
  }
  return false;
}

void Lines::write(const Doc& doc, std::size_t column) {
  lines_.push_back({std::string(column, ' '), {}, false});
  std::vector<Command> stack{{column, false, &doc}};
  while (!stack.empty()) {
    const Command command = stack.back();
    stack.pop_back();
    const Doc& d = *command.doc;
    std::string& out = lines_.back().code;
    switch (d.kind) {
      case Doc::Kind::Text:
        out += d.text;
        break;
      case Doc::Kind::Broken:
        if (!command.flat) out += d.text;
        break;
      case Doc::Kind::Line:
      case Doc::Kind::Soft:
        if (!command.flat) {
          end_line(command.column);
        } else if (d.kind == Doc::Kind::Line) {
          out += ' ';
        }
        break;
      case Doc::Kind::Hard:
        end_line(command.column);
        break;
      case Doc::Kind::Suffix:
        pending_.push_back(d.text);
        break;
      case Doc::Kind::Concat:
      case Doc::Kind::Indent:
        for (auto part = d.parts.rbegin(); part != d.parts.rend(); ++part) {
          stack.push_back({command.column + d.columns, command.flat, &*part});
        }
        break;
      case Doc::Kind::Group:
        stack.push_back(
            {command.column,
             command.flat || (!d.breaks && fits(d.parts.front(), width_of(out), &stack)),
             &d.parts.front()});
        break;
      case Doc::Kind::Fill:
        write_fill(command, stack);
        break;
    }
  }
  end_line(column);
  lines_.pop_back();
}

// One part or one break of a fill; the rest is put back.
void Lines::write_fill(const Command& command, std::vector<Command>& stack) {
  const std::vector<Doc>& parts = command.doc->parts;
  if (command.from >= parts.size()) return;
  const Doc& part = parts[command.from];
  bool flat = command.flat;
  if (command.from % 2 == 1 && !flat && pending_.empty() && command.from + 1 < parts.size()) {
    const Doc& next = parts[command.from + 1];
    const bool last = command.from + 2 >= parts.size();
    flat = !next.breaks && fits(next, width_of(lines_.back().code) + 1, last ? &stack : nullptr);
  }
  stack.push_back({command.column, command.flat, command.doc, command.from + 1});
  stack.push_back({command.column, flat, &part});
}

void Lines::end_line(std::size_t next_column) {
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (i == 0) {
      lines_.back().comment = std::move(pending_[i]);
    } else {
      own_line(std::move(pending_[i]), next_column);
    }
  }
  pending_.clear();
  lines_.push_back({std::string(next_column, ' '), {}, false});
}

void Lines::blank() {
  if (!lines_.empty() && !lines_.back().code.empty()) lines_.push_back({});
}

bool Lines::takes_comment() const {
  return !lines_.empty() && lines_.back().comment.empty() && !lines_.back().is_comment &&
         !lines_.back().code.empty();
}

void Lines::own_line(std::string text, std::size_t column) {
  lines_.push_back({std::string(column, ' ') + std::move(text), {}, true});
}

// Comments of neighbours on one level stand in one column; those of braces stand for themselves.
bool Lines::Item::aligns_with(const Item& other) const {
  const auto plain = [](const Item& item) {
    return !item.comment.empty() && !item.code.ends_with('{') && !item.code.ends_with('}');
  };
  return plain(*this) && plain(other) &&
         code.find_first_not_of(' ') == other.code.find_first_not_of(' ');
}

std::string Lines::str() const {
  std::string result;
  for (std::size_t begin = 0, end = 0; begin < lines_.size(); begin = end) {
    std::size_t widest = 0;
    do {
      widest = std::max(widest, width_of(lines_[end].code));
      ++end;
    } while (end < lines_.size() && lines_[begin].aligns_with(lines_[end]));
    for (std::size_t i = begin; i < end; ++i) {
      std::string one = lines_[i].code;
      if (!lines_[i].comment.empty())
        one += std::string(widest - width_of(one) + 2, ' ') + lines_[i].comment;
      one.erase(one.find_last_not_of(' ') + 1);
      result += one;
      result += '\n';
    }
  }
  return result;
}

}  // namespace bitloom::dsl::format_detail
