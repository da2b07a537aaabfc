#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "runtime/ahead/c_text.h"
#include "vm/passes/pass.h"

namespace bitloom::runtime {

using codegen::CudaParameter;
using layouts::SizeExpr;

std::string c_expression(const SizeExpr& expression) {
  using Op = SizeExpr::Op;
  switch (expression.op()) {
    case Op::Constant:
      return fmt::format("INT64_C({})", *expression.constant());
    case Op::Symbol:
      return expression.name() == "device.sms" ? "(int64_t)kernel->multiprocessors"
                                               : "a->" + c_member(expression.name());
    case Op::Not:
      return fmt::format("(int64_t)!{}", c_expression(expression.left()));
    default:
      break;
  }
  const std::string a = c_expression(expression.left()), b = c_expression(expression.right());
  switch (expression.op()) {
    case Op::Div:
      return fmt::format("divide({}, {})", a, b);
    case Op::Mod:
      return fmt::format("remainder_of({}, {})", a, b);
    case Op::CeilDiv:
      return fmt::format("divide_up({}, {})", a, b);
    case Op::Min:
      return fmt::format("smaller({}, {})", a, b);
    case Op::Max:
      return fmt::format("larger({}, {})", a, b);
    default:
      return fmt::format("({} {} {})", a, layouts::spelling(expression.op()), b);
  }
}

namespace {

// The functions that c_expression names, in the order in which they may call one another.
constexpr std::pair<std::string_view, std::string_view> kHelpers[] = {
    {"divide(", "static int64_t divide(int64_t a, int64_t b) { return b == 0 ? -1 : a / b; }\n"},
    {"remainder_of(",
     "static int64_t remainder_of(int64_t a, int64_t b) { return b == 0 ? -1 : a % b; }\n"},
    {"divide_up(",
     "static int64_t divide_up(int64_t a, int64_t b) { return b <= 0 ? -1 : a / b + (a % b > 0); "
     "}\n"},
    {"smaller(", "static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }\n"},
    {"larger(", "static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }\n"},
};

std::string used_helpers(const std::string& body) {
  std::string text;
  for (const auto& [call, definition] : kHelpers) {
    if (body.find(call) != std::string::npos) text += definition;
  }
  return text.empty() ? text : text + "\n";
}

std::string image_text(const CompiledKernel& image) {
  std::string text =
      fmt::format("static const _Alignas(64) unsigned char image_{}[] = {{", image.target);
  for (std::size_t i = 0; i < image.cubin.size(); ++i) {
    if (i % 24 == 0) text += "\n ";
    text += fmt::format("{},", static_cast<unsigned>(image.cubin[i]));
  }
  return text + "\n};\n";
}

// Exact images (sm_90a) suit one compute capability, others it and later ones of the same
// generation; the latest that suits is taken.
std::string table_text(const CKernel& kernel) {
  std::vector<const CompiledKernel*> images;
  for (const CompiledKernel& image : kernel.images) images.push_back(&image);
  const auto rank = [](const CompiledKernel* image) {
    const auto target = vm::Target::parse(image->target).value_or(vm::Target{});
    return std::pair(target.sm, target.a_variant);
  };
  std::ranges::sort(images, std::greater<>(), rank);
  std::string text =
      "struct image {\n  int major, minor, exact;\n  const char* name;\n  const void* data;\n"
      "  unsigned shared_bytes;\n};\nstatic const struct image images[] = {\n";
  for (const CompiledKernel* image : images) {
    const auto [sm, exact] = rank(image);
    text += fmt::format("  {{{}, {}, {}, \"{}\", image_{}, {}}},\n", sm / 10, sm % 10,
                        exact ? 1 : 0, image->kernel, image->target, image->shared_bytes);
  }
  return text + "};\n\n";
}

// ---- The driver ---------------------------------------------------------------------------------

struct Call {
  std::string_view name, parameters;
};
constexpr Call kCalls[] = {
    {"cuInit", "unsigned flags"},
    {"cuCtxGetDevice", "int* device"},
    {"cuDeviceGetAttribute", "int* value, int attribute, int device"},
    {"cuModuleLoadData", "void** module, const void* image"},
    {"cuModuleUnload", "void* module"},
    {"cuModuleGetFunction", "void** function, void* module, const char* name"},
    {"cuFuncSetAttribute", "void* function, int attribute, int value"},
    {"cuGetErrorString", "int error, const char** text"},
};
constexpr Call kLaunch = {
    "cuLaunchKernel",
    "void* function, unsigned x, unsigned y, unsigned z, unsigned tx, unsigned ty,\n"
    "      unsigned tz, unsigned shared, void* stream, void** parameters, void** extra"};
constexpr Call kResidentLaunch = {
    "cuLaunchCooperativeKernel",
    "void* function, unsigned x, unsigned y, unsigned z, unsigned tx,\n"
    "      unsigned ty, unsigned tz, unsigned shared, void* stream, void** parameters"};
constexpr Call kEncode = {
    "cuTensorMapEncodeTiled",
    "void* map, int type, uint32_t rank, void* address, const uint64_t* dims,\n"
    "      const uint64_t* strides, const uint32_t* box, const uint32_t* steps, int interleave,\n"
    "      int swizzle, int promotion, int fill"};

std::string driver_text(bool resident, bool maps) {
  std::vector<Call> calls(std::begin(kCalls), std::end(kCalls));
  calls.push_back(resident ? kResidentLaunch : kLaunch);
  if (maps) calls.push_back(kEncode);
  std::string text =
      "static struct {\n  int state; /* 0: not looked for, 1: found, else an error */\n";
  for (const Call& call : calls)
    text += fmt::format("  int (*{})({});\n", call.name, call.parameters);
  text +=
      "} driver;\n\n"
      "static int find_driver(void) {\n"
      "  if (driver.state != 0) return driver.state == 1 ? 0 : driver.state;\n"
      "  void* library = dlopen(\"libcuda.so.1\", RTLD_NOW | RTLD_LOCAL);\n"
      "  if (!library) return driver.state = NO_DRIVER;\n"
      "  void* symbol;\n";
  for (const Call& call : calls) {
    text += fmt::format(
        "  symbol = dlsym(library, \"{0}\");\n"
        "  if (!symbol) return driver.state = OLD_DRIVER;\n"
        "  memcpy(&driver.{0}, &symbol, sizeof symbol);\n",
        call.name);
  }
  return text +
         "  int error = driver.cuInit(0);\n"
         "  if (error) return error;\n"
         "  driver.state = 1;\n"
         "  return 0;\n}\n\n";
}

// ---- Functions ----------------------------------------------------------------------------------

std::string load_text(const CKernel& kernel, int cluster) {
  std::string text = fmt::format(
      "int {0}_load(struct {0}* kernel) {{\n"
      "  int error = find_driver(), device = 0, major = 0, minor = 0;\n"
      "  if (!error) error = driver.cuCtxGetDevice(&device);\n"
      "  if (!error) error = driver.cuDeviceGetAttribute(&major, 75, device);\n"
      "  if (!error) error = driver.cuDeviceGetAttribute(&minor, 76, device);\n"
      "  if (!error) error = driver.cuDeviceGetAttribute(&kernel->multiprocessors, 16, device);\n"
      "  if (error) return error;\n"
      "  for (size_t i = 0; i < sizeof images / sizeof images[0]; ++i) {{\n"
      "    const struct image* image = &images[i];\n"
      "    if (image->major != major || image->minor > minor) continue;\n"
      "    if (image->exact && image->minor != minor) continue;\n"
      "    void *module = 0, *function = 0;\n"
      "    error = driver.cuModuleLoadData(&module, image->data);\n"
      "    if (error) return error;\n"
      "    error = driver.cuModuleGetFunction(&function, module, image->name);\n"
      "    if (!error && image->shared_bytes > 48 * 1024)\n"
      "      error = driver.cuFuncSetAttribute(function, 8, (int)image->shared_bytes);\n",
      kernel.name);
  constexpr int kPortableCluster = 8;
  if (cluster > kPortableCluster)
    text += "    if (!error) error = driver.cuFuncSetAttribute(function, 14, 1);\n";
  return text +
         "    if (error) {\n"
         "      driver.cuModuleUnload(module);\n"
         "      return error;\n"
         "    }\n"
         "    kernel->module = module;\n"
         "    kernel->function = function;\n"
         "    kernel->shared_bytes = image->shared_bytes;\n"
         "    return 0;\n"
         "  }\n"
         "  return NO_IMAGE;\n"
         "}\n\n";
}

int map_type(vm::ElementType element) {
  // CUtensorMapDataType
  if (element == vm::kF16) return 6;
  if (element == vm::kF32 || element == vm::kTF32) return 7;
  if (element == vm::kF64) return 8;
  if (element == vm::kBF16) return 9;
  if (element == vm::kI32) return 3;
  if (element == vm::kI64) return 5;
  return element.bits == 16 ? 1 : element.bits == 32 ? 2 : element.bits == 64 ? 4 : 0;
}

int map_swizzle(int bytes) {
  return bytes == 32 ? 1 : bytes == 64 ? 2 : bytes == 128 ? 3 : 0;
}

// Encodes the map `map<number>`; dimensions go to the driver from the fast one.
std::string encode_text(const CudaParameter& parameter, std::size_t number,
                        const vm::Function& function) {
  const codegen::TensorMapSpec& spec = *parameter.map;
  const vm::Type& type = function.type(parameter.value);
  const std::size_t rank = type.extents.size();
  std::string text = fmt::format("  struct tensor_map map{};\n  {{\n", number);
  std::string dims, box, steps;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t d = rank - 1 - i;
    const std::string comma = i ? ", " : "";
    dims += fmt::format("{}(uint64_t)({})", comma, c_expression(type.extents[d]));
    box += fmt::format("{}{}", comma, spec.box[d]);
    steps += comma + "1";
  }
  text += fmt::format("    const uint64_t dims[{}] = {{{}}};\n", rank, dims);
  text += fmt::format("    uint64_t strides[{}] = {{0}};\n", std::max<std::size_t>(rank, 2) - 1);
  text += fmt::format("    uint64_t stride = {};\n", spec.element.bits / 8);
  text += fmt::format(
      "    for (int d = 0; d < {0}; ++d) {{\n"
      "      if (dims[d] == 0 || dims[d] > UINT64_C(0x100000000)) return BAD_TENSOR;\n"
      "      if (d > 0 && stride % 16 != 0) return BAD_TENSOR;\n"
      "      if (d > 0) strides[d - 1] = stride;\n"
      "      stride *= dims[d];\n"
      "    }}\n",
      rank);
  text += fmt::format("    const uint32_t box[{0}] = {{{1}}}, steps[{0}] = {{{2}}};\n", rank, box,
                      steps);
  text += fmt::format(
      "    int error = driver.cuTensorMapEncodeTiled(&map{0}, {1}, {2},\n"
      "        (void*)(uintptr_t)a->{3}, dims, strides, box, steps, 0, {4}, 3, 0);\n"
      "    if (error) return error;\n  }}\n",
      number, map_type(spec.element), rank, c_member(parameter.name),
      map_swizzle(spec.swizzle_bytes));
  return text;
}

std::string launch_text(const CKernel& kernel) {
  const vm::Function& function = kernel.function;
  const CompiledKernel& image = kernel.images.front();
  std::string text = fmt::format(
      "int {0}_launch(const struct {0}* kernel, const struct {0}_arguments* a, void* stream) {{\n"
      "  if (!kernel->function) return NOT_LOADED;\n",
      kernel.name);
  std::vector<std::string> sizes;
  for (vm::ValueId size : function.sizes) {
    text += fmt::format("  if (a->{} < 0) return BAD_SIZE;\n", c_member(function.value(size).name));
  }
  for (std::size_t i = 0; i < function.constraints.size(); ++i) {
    text += fmt::format("  if (!{}) return CONDITION - {};\n",
                        c_expression(function.constraints[i].condition), i);
  }
  constexpr std::int64_t kMostX = 0x7fffffff, kMostOther = 65535;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::string count =
        axis < function.grid.size() ? c_expression(function.grid[axis]) : "INT64_C(1)";
    text += fmt::format("  const int64_t grid{} = {};\n", axis, count);
  }
  text += fmt::format(
      "  if (grid0 < 0 || grid1 < 0 || grid2 < 0) return BAD_SIZE;\n"
      "  if (grid0 > {} || grid1 > {} || grid2 > {}) return BAD_SIZE;\n"
      "  if (grid0 == 0 || grid1 == 0 || grid2 == 0) return 0;\n",
      kMostX, kMostOther, kMostOther);
  std::string parameters;
  std::size_t maps = 0;
  for (const CudaParameter& parameter : image.parameters) {
    if (!parameters.empty()) parameters += ", ";
    if (parameter.kind == CudaParameter::Kind::TensorMap) {
      text += encode_text(parameter, maps, function);
      parameters += fmt::format("&map{}", maps++);
    } else if (parameter.name == codegen::kMultiprocessors) {
      text += "  int64_t multiprocessors = kernel->multiprocessors;\n";
      parameters += "&multiprocessors";
    } else {
      if (parameter.kind == CudaParameter::Kind::Pointer)
        text +=
            fmt::format("  if (a->{} % 16 != 0) return BAD_TENSOR;\n", c_member(parameter.name));
      parameters += fmt::format("(void*)&a->{}", c_member(parameter.name));
    }
  }
  text += fmt::format("  void* parameters[] = {{{}}};\n", parameters.empty() ? "0" : parameters);
  text += fmt::format(
      "  return driver.{}(kernel->function, (unsigned)grid0, (unsigned)grid1,\n"
      "      (unsigned)grid2, {}, 1, 1, kernel->shared_bytes, stream, parameters{});\n}}\n\n",
      function.resident ? kResidentLaunch.name : kLaunch.name, image.threads,
      function.resident ? "" : ", 0");
  return text;
}

std::string message_text(const CKernel& kernel) {
  std::string text = fmt::format(
      "const char* {}_message(int error) {{\n"
      "  switch (error) {{\n"
      "    case 0: return \"done\";\n"
      "    case NO_DRIVER: return \"libcuda.so.1, the CUDA driver, was not found\";\n"
      "    case OLD_DRIVER: return \"the CUDA driver is too old\";\n"
      "    case NO_IMAGE: return \"there is no image for this GPU, only for{}\";\n"
      "    case NOT_LOADED: return \"the kernel is not loaded\";\n"
      "    case BAD_SIZE: return \"a size is negative, or asks for a grid that cannot be\";\n"
      "    case BAD_TENSOR: return \"a tensor is not aligned to 16 bytes, or cannot be read by a "
      "tensor copy\";\n",
      kernel.name, [&] {
        std::string targets;
        for (const CompiledKernel& image : kernel.images) targets += " " + image.target;
        return targets;
      }());
  for (std::size_t i = 0; i < kernel.function.constraints.size(); ++i) {
    const vm::Constraint& constraint = kernel.function.constraints[i];
    std::string message = fmt::format("'{}' does not hold", constraint.text);
    if (!constraint.message.empty()) message += ": " + constraint.message;
    text += fmt::format("    case CONDITION - {}: return \"{}\";\n", i, c_quoted(message));
  }
  return text +
         "  }\n"
         "  const char* text = 0;\n"
         "  if (driver.cuGetErrorString) driver.cuGetErrorString(error, &text);\n"
         "  return text ? text : \"an error of the CUDA driver\";\n"
         "}\n";
}

}  // namespace

std::string c_source(const CKernel& kernel) {
  const CompiledKernel& first = kernel.images.front();
  const bool maps = std::ranges::any_of(first.parameters, [](const CudaParameter& parameter) {
    return parameter.kind == CudaParameter::Kind::TensorMap;
  });
  std::string text = fmt::format(
      "/* Kernel {}: see {}.h. Generated by Bitloom; changes are lost. */\n"
      "#include \"{}.h\"\n\n#include <dlfcn.h>\n#include <stddef.h>\n#include <string.h>\n\n"
      "enum {{\n  NO_DRIVER = -1,\n  OLD_DRIVER = -2,\n  NO_IMAGE = -3,\n  NOT_LOADED = -4,\n"
      "  BAD_SIZE = -5,\n  BAD_TENSOR = -6,\n  CONDITION = -100\n}};\n\n",
      c_quoted(kernel.function.name), kernel.name, kernel.name);
  for (const CompiledKernel& image : kernel.images) text += image_text(image);
  text += table_text(kernel);
  text += driver_text(kernel.function.resident, maps);
  if (maps) text += "struct tensor_map {\n  _Alignas(64) uint64_t opaque[16];\n};\n\n";
  const std::string launch = launch_text(kernel);
  text += used_helpers(launch);
  text += load_text(kernel, first.cluster);
  text += launch;
  text += fmt::format(
      "int {0}_unload(struct {0}* kernel) {{\n"
      "  int error = kernel->module ? driver.cuModuleUnload(kernel->module) : 0;\n"
      "  kernel->module = 0;\n  kernel->function = 0;\n  return error;\n}}\n\n",
      kernel.name);
  return text + message_text(kernel);
}

}  // namespace bitloom::runtime
