/* A guest that uses files through the C library. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define CHECK(x) do { if (!(x)) { printf("%d %d\n", __LINE__, errno); return 1; } } while (0)
int main(int argc, char **argv) {
    (void)argv;
    char text[64] = "";
    FILE *file = fopen("/in/a.txt", "r");
    CHECK(file); CHECK(fgets(text, sizeof text, file)); CHECK(!strcmp(text, "hello\n")); fclose(file);
    file = fopen("/out.txt", "w+"); CHECK(file);
    CHECK(fprintf(file, "%s %d", "number", 7) == 8); CHECK(!fflush(file));
    CHECK(!fseek(file, 2, SEEK_SET)); CHECK(fread(text, 1, 4, file) == 4 && !memcmp(text, "mber", 4));
    CHECK(ftell(file) == 6); CHECK(!fclose(file));
    struct stat st; CHECK(!stat("/out.txt", &st)); CHECK(st.st_size == 8 && S_ISREG(st.st_mode));
    CHECK(stat("/missing", &st) == -1 && errno == ENOENT);
    CHECK(!mkdir("/d", 0777)); CHECK(!mkdir("/d/e", 0777)); CHECK(rmdir("/d") == -1 && errno == ENOTEMPTY);
    int fd = open("/d/e/x", O_RDWR | O_CREAT | O_EXCL, 0666); CHECK(fd >= 0);
    CHECK(open("/d/e/x", O_RDWR | O_CREAT | O_EXCL, 0666) == -1 && errno == EEXIST);
    CHECK(pwrite(fd, "abc", 3, 5) == 3); CHECK(pread(fd, text, 8, 0) == 8 && !memcmp(text, "\0\0\0\0\0abc", 8));
    CHECK(lseek(fd, 0, SEEK_CUR) == 0); CHECK(!ftruncate(fd, 7)); CHECK(!fstat(fd, &st) && st.st_size == 7);
    CHECK(!fsync(fd)); CHECK(!fdatasync(fd)); CHECK(posix_fallocate(fd, 0, 9) == 0); CHECK(!fstat(fd, &st) && st.st_size == 9);
    CHECK(fcntl(fd, F_GETFL) >= 0); CHECK(!fcntl(fd, F_SETFL, O_APPEND)); CHECK(write(fd, "!", 1) == 1);
    CHECK(!rename("/d/e/x", "/d/y")); CHECK(!fstat(fd, &st) && st.st_size == 10);
    CHECK(!unlink("/d/y")); CHECK(pread(fd, text, 1, 9) == 1 && *text == '!'); CHECK(!close(fd));
    CHECK(!rename("/d/e", "/g"));
    DIR *dir = opendir("/"); CHECK(dir); struct dirent *entry; int seen = 0;
    while ((entry = readdir(dir))) { seen++; }
    CHECK(!closedir(dir));
    CHECK(!chdir("/in")); CHECK(!access("a.txt", R_OK));
    CHECK(argc == 1 && seen >= 4);
    puts("done");
    fprintf(stderr, "error\n");
    return 0;
}
