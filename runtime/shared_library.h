// A library that is looked up while the program runs (dlopen): one program starts with and without
// it, and says which of several names was found.
//
//   auto library = SharedLibrary::open({"libnvrtc.so.13", "libnvrtc.so.12"});
//   if (library) auto version = library->symbol<int(int*, int*)>("nvrtcVersion");
//
// A library stays open until the process ends: the CUDA libraries have threads of their own, which
// closing them would leave without code.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace bitloom::runtime {

class SharedLibrary {
 public:
  // The first of the names that the loader finds; nullopt when there is none.
  static std::optional<SharedLibrary> open(const std::vector<std::string>& names);

  const std::string& name() const { return name_; }
  // The file that the loader found under the name; the name where it does not say.
  std::string path() const;

  // nullptr when the library has no such symbol.
  template <class F>
  F* symbol(const char* symbol_name) const {
    return reinterpret_cast<F*>(address(symbol_name));
  }

 private:
  SharedLibrary(std::string name, void* handle) : name_(std::move(name)), handle_(handle) {}
  void* address(const char* symbol_name) const;

  std::string name_;
  void* handle_;
};

}  // namespace bitloom::runtime
