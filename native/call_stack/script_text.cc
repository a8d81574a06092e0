#include "call_stack/script_text.h"

#include <cstdint>
#include <vector>

#include "v8_constants.h"

namespace memray_mocha {
namespace {

void AppendUtf8(std::string* text, uint32_t code_point) {
  const auto put = [text](uint32_t byte) {
    text->push_back(static_cast<char>(byte));
  };
  if (code_point < 0x80) return put(code_point);
  if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
  } else {
    if (code_point < 0x10000) {
      put(0xE0 | code_point >> 12);
    } else {
      put(0xF0 | code_point >> 18);
      put(0x80 | (code_point >> 12 & 0x3F));
    }
    put(0x80 | (code_point >> 6 & 0x3F));
  }
  put(0x80 | (code_point & 0x3F));
}

/// Whether V8 can read a string without flattening it: that allocates on V8's
/// heap, which may collect garbage, and tell that it moves code.
bool IsFlat(v8::Local<v8::String> string) {
  static const auto mask = FindV8Constant("v8dbg_StringRepresentationMask");
  static const auto concatenated = FindV8Constant("v8dbg_ConsStringTag");
  if (!mask || !concatenated) return false;
  using v8::internal::Internals;
  const auto object = *reinterpret_cast<const uintptr_t*>(*string);
  return (Internals::GetInstanceType(object) & *mask) != *concatenated;
}

/// @return empty for what is no string.
std::string ToUtf8(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value.IsEmpty() || !value->IsString()) return "";
  v8::Local<v8::String> string = value.As<v8::String>();
  std::vector<uint16_t> units(string->Length());
#if V8_MAJOR_VERSION >= 13
  string->WriteV2(isolate, 0, static_cast<uint32_t>(units.size()),
                  units.data());
#else
  string->Write(isolate, units.data(), 0, static_cast<int>(units.size()),
                v8::String::NO_NULL_TERMINATION);
#endif
  std::string text;
  text.reserve(units.size());
  for (size_t i = 0; i < units.size(); ++i) {
    uint32_t code_point = units[i];
    const bool is_pair = (code_point & 0xFC00) == 0xD800 &&
                         i + 1 < units.size() &&
                         (units[i + 1] & 0xFC00) == 0xDC00;
    if (is_pair)
      code_point =
          0x10000 + ((code_point & 0x3FF) << 10) + (units[++i] & 0x3FF);
    AppendUtf8(&text, code_point);
  }
  return text;
}

/// As V8 names it in call stacks: by `//# sourceURL=`, or else as it was
/// loaded.
v8::Local<v8::Value> UrlOrNameOf(v8::Local<v8::UnboundScript> script) {
  const v8::Local<v8::Value> url = script->GetSourceURL();
  const bool is_given = url->IsString() && url.As<v8::String>()->Length() > 0;
  return is_given ? url : script->GetScriptName();
}

/// @param code_name V8's, of code of the script: it ends in the script's name,
/// and the line and column of the function; at 512 bytes it is cut.
/// @param length of the script's name, in units of UTF-16.
/// @return the script's name; empty when it is not all there.
std::string TakeScriptName(std::string_view code_name, int length) {
  for (int numbers = 0; numbers < 2; ++numbers) {
    const size_t colon = code_name.rfind(':');
    const size_t digit = code_name.find_first_not_of("0123456789", colon + 1);
    if (colon == code_name.npos || digit != code_name.npos) return "";
    code_name.remove_suffix(code_name.size() - colon);
  }
  size_t begin = code_name.size();
  while (length > 0 && begin > 0) {
    const auto byte = static_cast<uint8_t>(code_name[--begin]);
    const bool is_first = (byte & 0xC0) != 0x80;
    // From 0xF0 on it is a pair in UTF-16.
    if (is_first) length -= byte >= 0xF0 ? 2 : 1;
  }
  return length == 0 ? std::string(code_name.substr(begin)) : "";
}

}  // namespace

std::string NameOfScript(v8::Isolate* isolate,
                         v8::Local<v8::UnboundScript> script,
                         std::string_view code_name) {
  const v8::Local<v8::Value> name = UrlOrNameOf(script);
  if (name->IsString() && !IsFlat(name.As<v8::String>()))
    return TakeScriptName(code_name, name.As<v8::String>()->Length());
  return ToUtf8(isolate, name);
}

bool HasSourceMap(v8::Local<v8::UnboundScript> script) {
  const v8::Local<v8::Value> url = script->GetSourceMappingURL();
  return url->IsString() && url.As<v8::String>()->Length() > 0;
}

std::string FullNameOfScript(v8::Isolate* isolate,
                             v8::Local<v8::UnboundScript> script) {
  return ToUtf8(isolate, UrlOrNameOf(script));
}

std::string SourceMappingUrlOf(v8::Isolate* isolate,
                               v8::Local<v8::UnboundScript> script) {
  return ToUtf8(isolate, script->GetSourceMappingURL());
}

}  // namespace memray_mocha
