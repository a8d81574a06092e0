#include "interposition/installer.h"

namespace memray_mocha::installer {

std::string UnsupportedReason() {
  return "native memory can be tracked on Linux x64 with glibc only";
}

void Install() {}
void Uninstall() {}

}  // namespace memray_mocha::installer
