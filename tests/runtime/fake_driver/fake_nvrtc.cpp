// An NVRTC that refuses every text, at the first line that a #line directive speaks of.
#include <cstdio>
#include <cstring>
#include <regex>
#include <string>

#define FAKE_CALL extern "C" __attribute__((visibility("default"))) int

namespace {
struct Program {
  std::string text, log;
};
}  // namespace

FAKE_CALL nvrtcVersion(int* major, int* minor) {
  *major = 12;
  *minor = 9;
  return 0;
}
FAKE_CALL nvrtcCreateProgram(void** program, const char* text, const char*, int, const char* const*,
                             const char* const*) {
  *program = new Program{text, {}};
  return 0;
}
FAKE_CALL nvrtcCompileProgram(void* handle, int, const char* const*) {
  auto& program = *static_cast<Program*>(handle);
  static const std::regex line("#line ([0-9]+) \"([^\"]*)\"");
  std::smatch match;
  if (std::regex_search(program.text, match, line)) {
    program.log = "kernel.cu(1): warning: something else\n" + match[2].str() + "(" +
                  match[1].str() + "): error: identifier \"nonsense\" is undefined\n\n1 error\n";
  }
  return program.text.find(" crash(") == std::string::npos ? 6 : 11;
}
FAKE_CALL nvrtcGetProgramLogSize(void* handle, std::size_t* size) {
  *size = static_cast<Program*>(handle)->log.size() + 1;
  return 0;
}
FAKE_CALL nvrtcGetProgramLog(void* handle, char* log) {
  std::strcpy(log, static_cast<Program*>(handle)->log.c_str());
  return 0;
}
FAKE_CALL nvrtcGetCUBINSize(void*, std::size_t*) {
  return 1;
}
FAKE_CALL nvrtcGetCUBIN(void*, char*) {
  return 1;
}
FAKE_CALL nvrtcGetPTXSize(void*, std::size_t*) {
  return 1;
}
FAKE_CALL nvrtcGetPTX(void*, char*) {
  return 1;
}
FAKE_CALL nvrtcDestroyProgram(void** program) {
  delete static_cast<Program*>(*program);
  *program = nullptr;
  return 0;
}
extern "C" __attribute__((visibility("default"))) const char* nvrtcGetErrorString(int) {
  return "NVRTC_ERROR_INTERNAL_ERROR";
}
