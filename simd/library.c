/* library.c - see library.h.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "simd/library.h"

#include <dlfcn.h>

#ifdef TRIPOD_STATIC
/* A static program's dlopen works only beside the very C library it was linked with. The linker
 * (--wrap) gives these to all who ask: to us, and to libgomp, which would look for accelerators. */
void *__wrap_dlopen(const char *file, int mode);
char *__wrap_dlerror(void);

void *__wrap_dlopen(const char *file, int mode)
{
    (void)file;
    (void)mode;
    return NULL;
}
char *__wrap_dlerror(void)
{
    static char why[] = "a static program loads no libraries";
    return why;
}
#endif

const char *library_functions(const char *file, const char *const *names, void **functions,
                              size_t n)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) return dlerror();
    for (size_t i = 0; i < n; i++) {
        functions[i] = dlsym(library, names[i]);
        if (!functions[i]) return dlerror();
    }
    return NULL;
}
