#ifndef NATIVE_CALL_STACK_SCRIPT_TEXT_H_
#define NATIVE_CALL_STACK_SCRIPT_TEXT_H_

#include <v8.h>

#include <string>
#include <string_view>

namespace memray_mocha {

/// What a script says of itself, as UTF-8, without anything allocated on V8's
/// heap. All are on the isolate's thread, with a handle scope.

/// @param code_name V8's, of code of the script.
/// @return its path or URL, as V8 names it in call stacks: by `//# sourceURL=`,
/// or else as it was loaded. Empty when it has none, or V8 cut it.
std::string NameOfScript(v8::Isolate* isolate,
                         v8::Local<v8::UnboundScript> script,
                         std::string_view code_name);

bool HasSourceMap(v8::Local<v8::UnboundScript> script);

/// @return the same name, where V8's heap may be touched, so that nothing need
/// be cut.
std::string FullNameOfScript(v8::Isolate* isolate,
                             v8::Local<v8::UnboundScript> script);

/// @return what `//# sourceMappingURL=` says; as for the above.
std::string SourceMappingUrlOf(v8::Isolate* isolate,
                               v8::Local<v8::UnboundScript> script);

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_SCRIPT_TEXT_H_
