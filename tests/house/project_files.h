// The files that belong to the project: those that git tracks, or, where there is no git, those
// outside of build folders.
#pragma once

#include <string>
#include <vector>

namespace bitloom::tests {

struct ProjectFile {
  std::string path;  // relative to the project's root, with '/'
  std::string text;

  bool has_extension(std::initializer_list<const char*> extensions) const;
  std::string folder() const;  // "vm" for "vm/passes/pipeline.cpp", empty for files of the root
};

// Without tests/data/ and other binary or very large files. Read once; in order of their paths.
const std::vector<ProjectFile>& project_files();

std::vector<std::string> lines_of(const std::string& text);

}  // namespace bitloom::tests
