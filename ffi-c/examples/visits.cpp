/*
 * Counts visits in a session, as a CGI program in C++17: what visits.c does, with
 * rudder_session.hpp.
 */

#include <cstdlib>
#include <iostream>
#include <string>

#include "rudder_session.hpp"

static std::string environment(const char *name)
{
    const char *value = std::getenv(name);
    return value == nullptr ? "" : value;
}

int main()
try {
    rudder::Config config;
    config.set("driver", "redis").set("redis.url", environment("REDIS_URL"));
    config.set("secret", environment("SESSION_SECRET")).set("cookie.name", "sid");
    const rudder::Engine engine(config);

    rudder::Session session = engine.load(environment("HTTP_COOKIE"));
    const int visits = std::stoi(session.get("cpp").value_or("0"));
    session.put("cpp", std::to_string(visits + 1));

    if (const auto set_cookie = session.commit()) {
        std::cout << "Set-Cookie: " << *set_cookie << "\nCache-Control: no-store\n";
    }
    std::cout << "Content-Type: application/json\n\n" << session.data() << '\n';
    return EXIT_SUCCESS;
} catch (const rudder::Error &error) {
    std::cerr << rsess_status_name(error.status()) << ": " << error.what() << '\n';
    std::cout << "Status: 503 Service Unavailable\n\n";
    return EXIT_FAILURE;
}
