// The pages of the documentation, cut into prose and blocks.
//
// What a block is held to follows from its tag and from what stands right above it:
//
//   ```bl        a kernel file: compiles. A paragraph above that ends in `NAME.bl`: gives the file
//   its
//                name, for an import in quotes and for command lines.
//   ```text      `$ bitloom …` in the first line: a console. Every command is run, in order, in a
//                folder of the page's own that holds its named files, `kernels/` and `stdlib/`;
//                what it prints (standard output, then standard error) must be what stands there.
//                Other text (forms of the grammar, tables) is not looked at.
//   ```cpp       a whole translation unit: compiles
//   ```sh        commands of the shell; the scripts that it names exist
//   ```layout    a drawing, held by tests/layouts/doc_test.cpp
//
// A comment above a block says that it is a quotation, whatever its tag:
//
//   <!-- from FILE -->            it stands in FILE, word by word
//   <!-- added to FILE -->        the same, in the worked example, whose lines are counted
//   <!-- cuda FILE W=u4 … -->     it stands in the CUDA text of that kernel, so specialised, for
//   sm_80
//   <!-- ptx FILE W=u4 … -->      in the PTX that NVRTC makes of it
//   <!-- sass FILE W=u4 … -->     in its machine code, where there is a disassembler
//
// `…` leaves out: alone in a line any lines, inside a line any characters. In IR (`--print-after`)
// the numbers of values (`%x.17`, `%17`) are not compared, so that a page stays as it is when a
// pass counts otherwise.
#pragma once

#include <string>
#include <vector>

namespace bitloom::test {

struct Block {
  std::string tag, text;
  std::string marker;  // the comment above it, without <!-- and -->
  std::string file;    // the name that the paragraph above gives it
  int line = 0;
};

struct Page {
  std::string path, name;
  std::string text, prose;  // all of it, and what stands outside of blocks
  std::vector<Block> blocks;
  bool closed = true;
};

Page read_page(const std::string& path);
// README.md and docs/*.md, in order of their names.
const std::vector<Page>& pages();

std::string read_file(const std::string& path);
std::vector<std::string> lines_of(const std::string& text);

}  // namespace bitloom::test
