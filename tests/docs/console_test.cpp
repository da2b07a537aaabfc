// Every console of the documentation is run, and says what the page says it says.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/docs/excerpt.h"
#include "tests/docs/page.h"
#include "tests/docs/workplace.h"

namespace bitloom::test {
namespace {

bool is_console(const Block& block) {
  return block.tag == "text" && block.text.starts_with("$ ");
}

bool shows_ir(const std::string& command) {
  return command.find("--print-after") != std::string::npos;
}

TEST(Console, SaysWhatThePageSays) {
  int run = 0;
  for (const Page& page : pages()) {
    const Workplace workplace(page);
    for (const Block& block : page.blocks) {
      if (!is_console(block)) continue;
      for (const Command& command : commands_of(block.text)) {
        const std::string where = fmt::format("{}:{}: $ {}", page.name, block.line, command.text);
        ASSERT_TRUE(command.text.starts_with("bitloom ")) << where << ": is no command of bitloom";
        std::string shown = command.output, said = workplace.run(command.text);
        if (shows_ir(command.text)) {
          shown = without_value_numbers(shown);
          said = without_value_numbers(said);
        }
        EXPECT_EQ(difference(shown, said, true), "") << where << "\nsays:\n" << said;
        ++run;
      }
    }
  }
  EXPECT_GE(run, 5);
}

TEST(Console, CommandsAndTheirOutputAreToldApart) {
  const auto commands = commands_of("$ bitloom a \\\n    b\none\ntwo\n$ bitloom c\n");
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].text, "bitloom a     b");
  EXPECT_EQ(commands[0].output, "one\ntwo\n");
  EXPECT_EQ(commands[1].text, "bitloom c");
  EXPECT_EQ(commands[1].output, "");
}

TEST(Excerpt, IsComparedLineByLine) {
  EXPECT_EQ(difference("a\nb\n", "a\nb\n", true), "");
  EXPECT_NE(difference("a\n", "a\nb\n", true), "");
  EXPECT_NE(difference("b\n", "a\nb\n", true), "");
  EXPECT_NE(difference("", "a\n", true), "");
  EXPECT_EQ(difference("", "", true), "");
  EXPECT_EQ(difference("b\n", "a\nb\nc\n", false), "");
  EXPECT_NE(difference("a\nc\n", "a\nb\nc\n", false), "");
}

TEST(Excerpt, LeavesOutLinesAndCharacters) {
  EXPECT_EQ(difference("a\n…\nd\n", "a\nb\nc\nd\n", true), "");
  EXPECT_EQ(difference("…\nd\n", "a\nb\nc\nd\n", true), "");
  EXPECT_EQ(difference("a\n…\n", "a\nb\n", true), "");
  EXPECT_NE(difference("a\n…\nc\n", "a\nb\nc\nd\n", true), "");
  EXPECT_NE(difference("c\n…\na\n", "a\nb\nc\n", false), "");
  EXPECT_EQ(difference("ran in … s\n", "ran in 0.5 s\n", true), "");
  EXPECT_NE(difference("ran in … s\n", "ran in 0.5 ms!\n", true), "");
}

TEST(Excerpt, ValuesAreComparedWithoutTheirNumbers) {
  EXPECT_EQ(without_value_numbers("%x.17: f16 = add %17, %n0.3"), "%x: f16 = add %, %n0");
  EXPECT_EQ(without_value_numbers("copy_wait {pending = 2}"), "copy_wait {pending = 2}");
  EXPECT_EQ(without_variable_numbers("mma_m16n8k16_f32(part_146[0], x71_ + 2);"),
            "mma_m16n8k16_f32(part[0], x + 2);");
}

}  // namespace
}  // namespace bitloom::test
